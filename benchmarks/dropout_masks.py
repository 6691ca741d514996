"""Compare training steps with torch's dropout masks and with those of `msd_ray.method.dropout`, on the CPU.

`python -m benchmarks.dropout_masks` prints sentences per second with both and their ratio. Both alternate on the same
batches in each round; a first round warms up and is not counted. `--profile` prints the operators that take most time
(torch's profiler, self time). The steps are those of `msd_ray.method.loop.train`, on batches spread evenly over an
epoch's lengths.
"""

import shlex
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch

from msd_ray.common.errors import run_command
from msd_ray.method.checkpoints import TrainingDirectory
from msd_ray.method.loop import SpreadSteps, Task, train
from msd_ray.method.settings import DropoutMasks, OptimizerSettings

from .speeds import STUDENT, TEACHER, Bench, Int64, spread_steps, student_task, teacher_task
from .step_profile import print_step_profile
from .training import bench_of, machine, option_parser

MASKS: tuple[DropoutMasks, ...] = ("torch", "fast")
Step = TypeVar("Step", bound=tuple[Int64, Int64 | None])


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and return 0. Raises UserError if the corpus or the encoder is missing."""
    parser = option_parser("dropout_masks", "Training steps with torch's dropout masks and with the fast ones.")
    parser.add_argument("--profile", action="store_true", help="print the operators that take most of a step's time")
    options = parser.parse_args(arguments)
    device = torch.device("cpu")
    given = sys.argv[1:] if arguments is None else arguments
    print("command   python -m benchmarks.dropout_masks", shlex.join(given))
    with bench_of(options, device) as bench, tempfile.TemporaryDirectory() as directory:
        print("machine  ", machine(device))
        print(f"encoder   {bench.encoder.name}; batches of {bench.run.batch_size}; {bench.run.precision}")
        teacher, (student, _) = teacher_task(bench), student_task(bench, Path(directory) / "outputs")
        teacher_steps = spread_steps(bench, teacher, teacher.train.lengths)
        student_steps = spread_steps(bench, student, student.target.lengths)
        print(f"\n{'':10}{'torch':>12}{'fast':>12}{'ratio, median (lowest-highest)':>34}   sentences/s, medians")
        print(_row("teacher", bench, teacher_steps, TEACHER))
        print(_row("student", bench, student_steps, STUDENT))
        for masks in MASKS if options.profile else ():
            masked = replace(bench, run=replace(bench.run, dropout_masks=masks))
            print_step_profile(f"teacher, {masks} masks", masked, teacher_steps, TEACHER)
            print_step_profile(f"student, {masks} masks", masked, student_steps, STUDENT)
    return 0


def _row(name: str, bench: Bench, task: SpreadSteps[Step], settings: OptimizerSettings) -> str:
    """Return the table row of one training's speeds with both kinds of masks."""
    sentences = sum(len(step[0]) for step in task.steps(1))
    speeds = [[sentences / _epoch(bench, task, settings, masks) for masks in MASKS] for _ in range(bench.rounds + 1)]
    ratios = [fast / slow for slow, fast in speeds[1:]]
    ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    slow, fast = (statistics.median(column) for column in zip(*speeds[1:], strict=True))
    return f"{name:10}{slow:12.1f}{fast:12.1f}{ratio:>34}"


def _epoch(bench: Bench, task: Task[Step], settings: OptimizerSettings, masks: DropoutMasks) -> float:
    """Return the seconds of the task's steps with a new tagger."""
    run = replace(bench.run, epochs=1, dropout_masks=masks)
    with tempfile.TemporaryDirectory() as directory:
        record = train(
            replace(bench, run=run).tagger(settings),
            task,
            optimizer_settings=settings,
            run=run,
            directory=TrainingDirectory(path=Path(directory), keep=lambda _: []),
            device=bench.device,
            report=lambda _: None,
        )
    return record.epochs[0].metrics["time/train_seconds"]


if __name__ == "__main__":
    run_command(main)
