"""Seconds between two trials in one process, and a trial process's memory: `python -m benchmarks.warm_trials`.

Runs a search with `--workers 0`: teachers, students and final runs, several at once. Each trial's process records its
start, its first forward pass, its last report and its peak memory. The time between two trials is that from the last
report of one to the first forward pass of the next in the same process: recording the end, proposing a point, ending
the old trial, reading data and encoder. A pruned trial counts as one.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil
import torch
from rich.console import Console

from msd_ray.cli.display import progress
from msd_ray.cli.options import parse
from msd_ray.cli.running import drain_records, execution, study_run_logger
from msd_ray.cli.search_study import open_tracker
from msd_ray.cli.setup import set_up
from msd_ray.common.errors import UserError, run_command
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.within_epoch import Warned
from msd_ray.search.context import Report
from msd_ray.search.on_ray.cluster import cluster
from msd_ray.search.on_ray.resources import Resources
from msd_ray.search.on_ray.tuning import run_phase
from msd_ray.search.phase import Phase
from msd_ray.search.plans import Launch, TrialReport
from msd_ray.search.prepare import prepare_test
from msd_ray.search.search import Search
from msd_ray.search.work import run_launch
from msd_ray.tracking.connection import connect

STALL_S = 600.0
GIGABYTE = 1e9


@dataclass(kw_only=True)
class TrialTimes:
    """Measurements of one trial by its process. Times are those of the monotonic clock, in seconds.

    ran: first forward pass. reported: last report. peak: peak memory of the process so far, in bytes. shared: bytes of
    mapped files at the end, which processes share.
    """

    phase: str
    process: int
    started: float
    ran: float | None = None
    reported: float = 0.0
    peak: int = 0
    shared: int = 0


@dataclass(frozen=True, kw_only=True)
class TimedWork:
    """Work of a trial's process: runs the launch and writes its measurements to `directory`."""

    directory: Path

    def __call__(self, launch: Launch, device: torch.device, report: Report, warned: Warned | None) -> None:
        """Run the launch and measure it."""
        times = TrialTimes(phase=launch.trials[0].phase, process=os.getpid(), started=time.monotonic())

        def on_forward(module: torch.nn.Module, _: tuple[object, ...]) -> None:
            if times.ran is None and isinstance(module, MultiChannelTagger):
                times.ran = time.monotonic()

        def on_report(trial_report: TrialReport) -> None:
            times.reported = time.monotonic()
            times.peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            times.shared = _shared()
            (self.directory / f"{times.process}-{times.started}.json").write_text(json.dumps(asdict(times)))
            report(trial_report)

        hook = torch.nn.modules.module.register_module_forward_pre_hook(on_forward)
        try:
            run_launch(launch, device, on_report, warned)
        finally:
            hook.remove()


@dataclass(frozen=True, kw_only=True)
class PhaseTimes:
    """Measurements of a phase.

    first: seconds from its start to the first forward pass, per process. between: seconds between two trials.
    """

    name: str
    trials: int
    first: Sequence[float]
    between: Sequence[float]
    peak: int
    shared: int


def main(arguments: list[str] | None = None) -> int:
    """Run the search, print the table and return 0. Raises UserError for options that the search rejects."""
    options = _parser().parse_args(arguments)
    if options.concurrent < 1 or options.trials <= options.concurrent:
        raise UserError("--concurrent must be 1 or more, --trials must be greater than --concurrent")
    with tempfile.TemporaryDirectory(prefix="warm-") as directory:
        times = _measured(options, Path(directory))
    print(f"\n{options.encoder}, batches of {options.batch_size}, {options.concurrent} trials at once, 1 thread each\n")
    print(
        "| phase | trials | processes | first in a process, s: median | between two trials, s: median / longest "
        "| peak memory of a process, GB | of which shared files |"
    )
    print("|---|---|---|---|---|---|---|")
    for phase in times:
        between = f"{statistics.median(phase.between):.2f} / {max(phase.between):.2f}" if phase.between else "-"
        print(
            f"| {phase.name} | {phase.trials} | {len(phase.first)} | {statistics.median(phase.first):.1f} | {between} "
            f"| {phase.peak / GIGABYTE:.2f} | {phase.shared / GIGABYTE:.2f} |"
        )
    return 0


def _measured(options: argparse.Namespace, directory: Path) -> list[PhaseTimes]:
    """Run the search in the directory and return the measurements of its phases."""
    search = parse(_search_arguments(options, directory))
    (setup,) = set_up(search)
    setup.storage.create()
    connect(setup.mlflow_uri)
    setup.prepared  # noqa: B018 - the first access encodes
    started: list[float] = []

    def run(phase: Phase) -> None:
        started.append(time.monotonic())
        output = directory / str(len(started))
        output.mkdir()
        resources = Resources(workers=0, cpus=1, concurrent=options.concurrent)
        run_phase(phase, resources, stall_s=STALL_S, work=TimedWork(directory=output))

    with (
        cluster(cpus=options.concurrent),
        progress(Console(stderr=True)) as display,
        study_run_logger(setup, lambda: open_tracker(setup), display) as run_logger,
    ):
        running = execution(setup, search, run_logger, display, lambda: prepare_test(setup.data, setup.prepared))
        Search(settings=setup.settings, execution=replace(running, run_phase=run)).run()
        drain_records(run_logger, running, search, display).close("COMPLETE")
    return [_times(directory / str(index + 1), start) for index, start in enumerate(started)]


def _times(directory: Path, start: float) -> PhaseTimes:
    """Combine the measurements of a phase's trials."""
    times = [TrialTimes(**json.loads(file.read_text())) for file in directory.glob("*.json")]
    by_process: dict[int, list[TrialTimes]] = defaultdict(list)
    for one in sorted(times, key=lambda one: one.started):
        by_process[one.process].append(one)
    first, between = [], []
    for trials in by_process.values():
        ends = [start, *(trial.reported for trial in trials)]
        gaps = [trial.ran - end for trial, end in zip(trials, ends, strict=False) if trial.ran is not None]
        first += gaps[:1]
        between += gaps[1:]
    return PhaseTimes(
        name=times[0].phase,
        trials=len(times),
        first=first,
        between=between,
        peak=max(one.peak for one in times),
        shared=max(one.shared for one in times),
    )


def _shared() -> int:
    """Return the resident bytes of mapped files of this process."""
    return psutil.Process().memory_info().shared


def _search_arguments(options: argparse.Namespace, directory: Path) -> list[str]:
    data_dir = [] if options.data_dir is None else ["--data-dir", str(options.data_dir)]
    values = {
        "lang": options.lang,
        "dataset": options.dataset,
        "encoder": options.encoder,
        "limit": options.sentences,
        "batch-size": options.batch_size,
        "trials": options.trials,
        "teacher-trials": options.trials,
        "epochs": options.epochs,
        "seeds": 2,
        "space": options.space,
        "workers": 0,
        "max-concurrent": options.concurrent,
        "storage": directory / "storage",
    }
    return [*data_dir, *(text for name, value in values.items() for text in (f"--{name}", str(value)))]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.warm_trials",
        description="Measure the time between two trials and the memory of a trial's process.",
    )
    add = parser.add_argument
    add("--dataset", default="sample", metavar="NAME", help="default: sample")
    add("--data-dir", type=Path, metavar="DIR", help="directory of its files")
    add("--lang", default="ar", metavar="CODE", help="target language (default: ar)")
    add("--encoder", default="e5-small", metavar="NAME", help="hub name, directory, or e5-small (default)")
    add("--space", default="joint", metavar="NAME", help="search space (default: joint)")
    add("--sentences", type=int, default=256, metavar="N", help="training sentences per language (default: 256)")
    add("--batch-size", type=int, default=32, metavar="N", help="default: 32")
    add("--epochs", type=int, default=2, metavar="N", help="default: 2")
    add("--trials", type=int, default=6, metavar="N", help="number of teachers and of students (default: 6)")
    add("--concurrent", type=int, default=2, metavar="N", help="trials at once (default: 2)")
    return parser


if __name__ == "__main__":
    run_command(main)
