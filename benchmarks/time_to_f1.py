"""Wall time from an empty storage to a dev F1: `python -m benchmarks.time_to_f1 [--f1 70] -- TUNE_OPTIONS`.

Starts `python -m msd_ray.tune TUNE_OPTIONS` with an empty storage and polls its study for the best F1 on dev. With
`--f1` it stops once a teacher or student reaches that F1. Without it, it stops once all students are trained, and the
time is that of the best student's best epoch. The time includes imports, encoding and loading of the encoder. Prints a
table row.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch

from msd_ray.common.errors import UserError, run_command
from msd_ray.search.studies import TrialRecord, read_study, study_names

from .learning_curves import commit
from .training import machine

POLL_S = 1.0
PHASES = ("teacher", "student")


@dataclass(frozen=True, kw_only=True)
class Reached:
    """An F1 that was reached. seconds: since the start. f1: on dev, 0..1. trial: such as `teacher/0`, `student/3`."""

    seconds: float
    f1: float
    trial: str


def main(arguments: list[str] | None = None) -> int:
    """Run the search, print the row and return 0, or 1 if the F1 is not reached. Raises UserError on failure."""
    options = _parser().parse_args(arguments)
    if options.f1 is not None and not 0 < options.f1 <= 100:
        raise UserError(f"--f1 must be above 0 and at most 100, not {options.f1:g}")
    tune = [text for text in options.tune if text != "--"]
    if any(text.split("=")[0] in ("--storage", "--study-storage") for text in tune):
        raise UserError("--storage and --study-storage: the search starts with an empty storage. Omit them")
    with tempfile.TemporaryDirectory(prefix="time-to-f1-") as directory:
        reached = time_to(options.f1, tune, Path(directory) / "storage", report=print)
    goal = "best student" if options.f1 is None else f"F1 {options.f1:g}"
    if reached is None:
        print(f"{goal} was not reached")
        return 1
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(
        f"\n| {date.today()} | {commit()} | {os.cpu_count()} cores, {machine(device)} | `tune {shlex.join(tune)}` "
        f"| {goal} | {reached.seconds:.0f} | {100 * reached.f1:.2f} ({reached.trial}) |"
    )
    return 0


def time_to(f1: float | None, tune: Sequence[str], storage: Path, *, report: Callable[[str], None]) -> Reached | None:
    """Run a search in an empty storage until a tagger has that F1 (percent), or to its last student for None.

    Returns:
        When the F1 was reached; None if the search ended before.

    Raises:
        UserError: the search failed.
    """
    best: Reached | None = None
    started = time.monotonic()
    command = [sys.executable, "-m", "msd_ray.tune", *tune, "--storage", str(storage)]
    output = storage.with_suffix(".log")
    with output.open("w") as log, subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
        try:
            running = True
            while running:
                running = process.poll() is None
                seconds = time.monotonic() - started
                phases = _phases(f"sqlite:///{storage / 'studies.db'}", running=running)
                value, trial = _best(phases, PHASES if f1 is not None else ("student",))
                if value > (best.f1 if best else 0.0):
                    best = Reached(seconds=seconds, f1=value, trial=trial)
                    report(f"{seconds:7.1f} s  {100 * value:6.2f}  {trial}")
                students_ended = not phases.keys() <= set(PHASES)
                enough = f1 is not None and best is not None and 100 * best.f1 >= f1
                if enough or (f1 is None and students_ended):
                    return best
                time.sleep(POLL_S)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait()
    if process.returncode != 0:
        raise UserError(f"msd_ray.tune failed: {output.read_text().strip().splitlines()[-1]}")
    return None


def _phases(database: str, *, running: bool) -> dict[str, tuple[TrialRecord, ...]]:
    """Return the trials of each started phase. Raises UserError if the search ended without a study database."""
    try:
        studies = [read_study(database, name) for name in study_names(database)]
    except UserError:
        if not running:
            raise
        return {}  # the tables are being created; the next poll finds them
    return {study.name.rpartition("/")[2]: study.trials for study in studies if study is not None}


def _best(phases: Mapping[str, Sequence[TrialRecord]], among: Sequence[str]) -> tuple[float, str]:
    """Return the highest F1 of an epoch in these phases and its trial; 0 without one."""
    found = [
        (max(trial.values.values()), f"{phase}/{trial.number}")
        for phase in among
        for trial in phases.get(phase, ())
        if trial.values
    ]
    return max(found, default=(0.0, ""))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_f1", description="Measure the wall time from nothing to an F1 on dev."
    )
    add = parser.add_argument
    add("--f1", type=float, metavar="F1", help="stop at this F1, in percent (default: when all students are trained)")
    add("tune", nargs="*", metavar="TUNE_OPTIONS", help="after --: options of msd_ray.tune, without its storage")
    return parser


if __name__ == "__main__":
    run_command(main)
