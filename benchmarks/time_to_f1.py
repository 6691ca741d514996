"""Wall time from nothing to a tagger: `python -m benchmarks.time_to_f1 [--f1 70] -- TUNE_OPTIONS`.

Starts `python -m msd_ray.tune TUNE_OPTIONS` with an empty storage and looks at its study while it runs: when was which
F1 on dev reached, by a teacher or a student? With `--f1` it ends at that F1, without it when all students are trained,
and the time is that of the best student's best epoch. Everything counts: imports, encoding, the encoder's start. It
prints a row for `benchmarks/RECORDS.md`.
"""

import argparse
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch

from msd_ray.errors import UserError, run_command

from .learning_curves import commit
from .training import machine

POLL_S = 0.2
RECORDS = Path(__file__).with_name("RECORDS.md")
_EPOCHS = """
SELECT studies.study_name, trials.number, trial_intermediate_values.intermediate_value FROM trial_intermediate_values
JOIN trials USING (trial_id) JOIN studies USING (study_id)
WHERE trial_intermediate_values.intermediate_value_type = 'FINITE'
"""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """seconds: since the start of the command. f1: on dev, 0..1. trial: `teacher/0`, `student/3`."""

    seconds: float
    f1: float
    trial: str


def main(arguments: list[str] | None = None) -> int:
    """Run the search and print the row; 0, or 1 if the F1 is not reached. Raises UserError if the search fails."""
    options = _parser().parse_args(arguments)
    if options.f1 is not None and not 0 < options.f1 <= 100:
        raise UserError(f"--f1 must be above 0 and at most 100, not {options.f1:g}")
    tune = [text for text in options.tune if text != "--"]
    if any(text.split("=")[0] in ("--storage", "--study-storage") for text in tune):
        raise UserError("the search must begin with nothing: leave --storage and --study-storage out")
    with tempfile.TemporaryDirectory(prefix="time-to-f1-") as directory:
        reached = time_to(options.f1, tune, Path(directory) / "storage", say=print)
    asked = "best student" if options.f1 is None else f"F1 {options.f1:g}"
    if reached is None:
        print(f"{asked} was not reached")
        return 1
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"\nA row for {RECORDS.name}:\n")
    print(
        f"| {date.today()} | {commit()} | {os.cpu_count()} cores, {machine(device)} | `tune {shlex.join(tune)}` "
        f"| {asked} | {reached.seconds:.0f} | {100 * reached.f1:.2f} ({reached.trial}) |"
    )
    return 0


def time_to(f1: float | None, tune: Sequence[str], storage: Path, *, say: Callable[[str], None]) -> Reached | None:
    """Run a search in an empty storage until a tagger has that F1 (percent), or to its last student for None.

    When that was; None if the search ended before. Raises UserError if it fails.
    """
    best: Reached | None = None
    started = time.monotonic()
    command = [sys.executable, "-m", "msd_ray.tune", *tune, "--storage", str(storage)]
    output = storage.with_suffix(".log")
    with output.open("w") as log, subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
        try:
            done = False
            while not done:
                done = process.poll() is not None
                seconds = time.monotonic() - started
                epochs, students_ended = _epochs(storage / "studies.db")
                wanted = [one for one in epochs if f1 is not None or one[1].startswith("student/")]
                value, trial = max(wanted, default=(0.0, ""))
                if value > (best.f1 if best else 0.0):
                    best = Reached(seconds=seconds, f1=value, trial=trial)
                    say(f"{seconds:7.1f} s  {100 * value:6.2f}  {trial}")
                if students_ended if f1 is None else best is not None and 100 * best.f1 >= f1:
                    return best
                time.sleep(POLL_S)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait()
    if process.returncode != 0:
        raise UserError(f"the search failed: {output.read_text().strip().splitlines()[-1]}")
    return best if f1 is None else None


def _epochs(database: Path) -> tuple[list[tuple[float, str]], bool]:
    """F1 and trial of each epoch of the search until now, and whether runs that follow the students have begun."""
    if not database.exists():
        return [], False
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            names = [str(name) for (name,) in connection.execute("SELECT study_name FROM studies")]
            rows = connection.execute(_EPOCHS).fetchall()
    except sqlite3.OperationalError:  # being made, or locked: the next look finds it
        return [], False
    found = [(float(value), f"{name.rpartition('/')[2]}/{number}") for name, number, value in rows]
    ended = any(name.rpartition("/")[2].startswith(("confirm", "final")) for name in names)
    return [one for one in found if one[1].startswith(("teacher/", "student/"))], ended


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_f1", description="Measure the wall time from nothing to an F1 on dev."
    )
    add = parser.add_argument
    add("--f1", type=float, metavar="F1", help="in percent; without it: to the best student of the search")
    add("tune", nargs="*", metavar="TUNE_OPTIONS", help="after --: options of msd_ray.tune, but for its storage")
    return parser


if __name__ == "__main__":
    run_command(main)
