"""Driver load: `python -m benchmarks.load` runs thousands of trials whose training is replayed.

Prints the table of docs/load.md: the driver's time per report at the beginning, in the middle and at the end of the
search, its lag if epochs took `--epoch-seconds`, and its memory.
"""

import argparse
import cProfile
import hashlib
import json
import os
import platform
import pstats
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from msd_ray.common.errors import UserError, run_command
from msd_ray.search.parameters import JSON
from msd_ray.search.phase import Phase
from msd_ray.search.plans import Launch, TrialReport
from msd_ray.search.records import Ending, RunLogger
from msd_ray.search.studies import TrialRecord
from msd_ray.tracking.run_logger import open_run_logger
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri

from .curve_table import Float64, read_table
from .simulation import PhaseCalls, SimulatedSearch, best_value, decisions, epochs_trained

DRAIN_S = 600.0
STUDENT_METRICS = 48  # metrics per epoch of a student with nine channels and six entity types


class TimedRunLogger:
    """Run logger that sums up the seconds spent in them."""

    def __init__(self, run_logger: RunLogger) -> None:
        self._run_logger = run_logger
        self.seconds = 0.0

    def child(self, key: str, *, name: str, parameters: Mapping[str, JSON], tags: Mapping[str, str]) -> None:
        """Timed; for this and the other methods see `records.RunLogger`."""
        started = time.perf_counter()
        self._run_logger.child(key, name=name, parameters=parameters, tags=tags)
        self.seconds += time.perf_counter() - started

    def run_id(self, key: str) -> str | None:
        """Not timed: looks up memory."""
        return self._run_logger.run_id(key)

    def check(self) -> None:
        """Not timed."""
        self._run_logger.check()

    def log_epoch(self, key: str, *, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Timed."""
        started = time.perf_counter()
        self._run_logger.log_epoch(key, epoch=epoch, metrics=metrics, timestamp_ms=timestamp_ms)
        self.seconds += time.perf_counter() - started

    def log_file(self, key: str, path: Path, artifact_path: str | None = None) -> None:
        """Not timed: replayed trials have no files."""
        self._run_logger.log_file(key, path, artifact_path)

    def finish(
        self,
        key: str,
        *,
        state: Ending,
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Timed."""
        started = time.perf_counter()
        self._run_logger.finish(key, state=state, reason=reason, metrics=metrics, tags=tags)
        self.seconds += time.perf_counter() - started


class TimedCalls(PhaseCalls):
    """Measures each call's seconds, those spent in the run logger, and the driver's lag.

    The lag is that of a queue with one server: a report that is due while the driver handles others waits for them.
    scale: real seconds per simulated second.
    """

    def __init__(self, run_logger: TimedRunLogger, scale: float) -> None:
        self._run_logger, self._scale = run_logger, scale
        self._free = 0.0  # when the driver has handled all calls so far, in real seconds of the search
        self.starts: list[tuple[int, float, float]] = []  # trial, seconds, seconds in the run logger
        self.reports: list[tuple[int, float, float, float]] = []  # trials ended, the same, lag
        self.memory: list[tuple[int, float]] = []  # trials ended, MiB
        self.ended = 0

    def next_launch(self, phase: Phase, now: float) -> Launch | None:
        """Measure the start of a trial."""
        before, started = self._run_logger.seconds, time.perf_counter()
        launch = phase.next_launch()
        seconds = time.perf_counter() - started
        self._busy(now, seconds)
        if launch is not None:
            self.starts.append((launch.trials[0].number, seconds, self._run_logger.seconds - before))
        return launch

    def on_report(self, phase: Phase, report: TrialReport, now: float) -> bool:
        """Measure the report of an epoch or of a trial's end."""
        before, started = self._run_logger.seconds, time.perf_counter()
        stop = phase.on_report(report)
        seconds = time.perf_counter() - started
        lag = self._busy(now, seconds)
        self.reports.append((self.ended, seconds, self._run_logger.seconds - before, lag))
        if stop or report.finished:
            self.ended += 1
            self.memory.append((self.ended, resident_mib()))
        return stop

    def _busy(self, now: float, seconds: float) -> float:
        due = now * self._scale
        self._free = max(due, self._free) + seconds
        return self._free - due


def main(arguments: list[str] | None = None) -> int:
    """Run the search, print its measurements and return 0. Raises UserError for invalid options or no table."""
    options = _parser().parse_args(arguments)
    for name in ("trials", "at_once"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name.replace('_', '-')} must be 1 or more, not {getattr(options, name)}")
    if not options.epoch_seconds > 0:
        raise UserError(f"--epoch-seconds must be more than 0, not {options.epoch_seconds:g}")
    table = read_table()
    mean = float(np.mean([curve.seconds for curve in table.curves]))
    with ExitStack() as stack:
        directory = options.storage or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-")))
        directory.mkdir(parents=True, exist_ok=True)
        search = SimulatedSearch(
            table=table,
            study_storage=options.study_storage or f"sqlite:///{directory / 'studies.db'}",
            storage=directory,
            trials=options.trials,
            seed=options.seed,
            at_once=options.at_once,
            name=options.name,
            payload=STUDENT_METRICS - 2,
        )
        open_tracker = partial(
            StudyTracker.open,
            options.mlflow_uri or default_tracking_uri(directory),
            dataset="simulated",
            lang="table",
            study=options.name,
            parameters={"table": list(table.about)},
            tags={"trials": str(options.trials)},
        )
        journalled = stack.enter_context(
            open_run_logger(directory / "records.jsonl", open_tracker, root=directory, report=print)
        )
        run_logger = TimedRunLogger(journalled)
        measured = TimedCalls(run_logger, options.epoch_seconds / mean)
        profile = cProfile.Profile()
        started, cpu = time.perf_counter(), time.process_time()
        if options.profile:
            stack.enter_context(profile)
        trials = search.run(run_logger, lambda phase: search.play(phase, measured))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        journalled.drain(DRAIN_S).close()
        behind = time.perf_counter() - started - seconds
    _print(options, measured, trials, seconds, cpu)
    print(f"MLflow had all records {behind:.1f} s after the last trial")
    if options.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
    return 0


def _print(
    options: argparse.Namespace, measured: TimedCalls, trials: Sequence[TrialRecord], seconds: float, cpu: float
) -> None:
    pruned = sum(trial.state == "PRUNED" for trial in trials)
    print(
        f"{len(trials):,} trials, {options.at_once} at a time, {epochs_trained(trials):,} epochs, {pruned:,} pruned, "
        f"best F1 {100 * best_value(trials):.2f}; {seconds:.0f} s, {60 * len(trials) / seconds:.0f} trials "
        f"per minute, {cpu:.0f} s of CPU time ({1000 * cpu / len(trials):.0f} ms per trial)"
    )
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    digest = hashlib.sha256(json.dumps(decisions(trials), sort_keys=True).encode()).hexdigest()[:12]
    print(f"decisions {digest}: the same for the same seed, number of trials and number at a time\n")
    print(
        "| trials ended | report, ms: median / 99 % | journal's part, median | study and phase, median "
        "| trial start, ms: median / 99 % | journal's part, median "
        f"| lag with epochs of {options.epoch_seconds:g} s, ms: median / 99 % / longest | memory, MiB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for low, high in windows(len(trials)):
        print(_row(measured, low, high))


def windows(trials: int) -> list[tuple[int, int]]:
    """Return the first, middle and last tenth of the search, or the whole of a short search."""
    tenth = trials // 10
    if tenth < 10:
        return [(0, trials)]
    return [(0, tenth), (trials // 2 - tenth // 2, trials // 2 + tenth - tenth // 2), (trials - tenth, trials)]


def _row(measured: TimedCalls, low: int, high: int) -> str:
    reports = np.array([row[1:] for row in measured.reports if low <= row[0] < high]) * 1000
    starts = np.array([row[1:] for row in measured.starts if low <= row[0] < high]) * 1000
    memory = [mib for ended, mib in measured.memory if low < ended <= high]
    total, mlflow, lag = reports.T
    start, start_mlflow = starts.T
    return (
        f"| {low:,}-{high:,} | {_two(total)} | {np.median(mlflow):.1f} | {np.median(total - mlflow):.1f} "
        f"| {_two(start)} | {np.median(start_mlflow):.1f} | {_two(lag)} / {lag.max():,.0f} | {memory[-1]:.0f} |"
    )


def _two(milliseconds: Float64) -> str:
    return f"{np.median(milliseconds):.1f} / {np.percentile(milliseconds, 99):,.1f}"


def resident_mib() -> float:
    """Return this process's resident memory in MiB."""
    return psutil.Process().memory_info().rss / 2**20


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description="Measure the driver of a search whose trainings are replayed from a table.",
    )
    add = parser.add_argument
    add("--trials", type=int, default=2000, metavar="N", help="default: 2000")
    add("--at-once", type=int, default=64, metavar="N", help="trials at a time (default: 64)")
    add("--seed", type=int, default=0, metavar="N", help="seed of the search (default: 0)")
    add(
        "--epoch-seconds",
        type=float,
        default=30.0,
        metavar="X",
        help="mean seconds per epoch, for the lag (default: 30)",
    )
    add("--storage", type=Path, metavar="DIR", help="directory of the databases (default: a temporary one)")
    add("--study-storage", metavar="URL", help="Optuna's database (default: SQLite in --storage)")
    add("--mlflow-uri", metavar="URI", help="MLflow's server or database (default: SQLite in --storage)")
    add("--name", default="load", metavar="NAME", help="name of the study (default: load)")
    add("--profile", action="store_true", help="print the time per function; slower")
    return parser


if __name__ == "__main__":
    run_command(main)
