"""Training speed of msd_ray's loop and of others, on the same encoder and text in one run.

`python -m benchmarks.training` prints sentences per second of teacher and student steps: ours, those of a
straightforward loop and, for the teacher, those of `transformers.Trainer` (`benchmarks.trainer`), with ratios and
shares of padding. Ours is `msd_ray.method.loop.train` with its own timing, on batches spread evenly over an epoch's
lengths. Each round takes our steps, then a step of the straightforward loop, whose batches all have one size. Ratios
are computed per round, so that changing load affects all loops alike. A first round warms up and is not counted. A
student's speed counts target sentences; both loops also process as many source sentences.

The same rounds measure the machine's rate of matrix multiplication, with the precision and the threads of the run, and
the share of that rate that our steps reach (`benchmarks.flops` defines what is counted). `--profile` prints the
operations that take most time. `--encoder random:bert-base` needs no download (`benchmarks.random_encoder`).
"""

import argparse
import shlex
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from msd_ray.common.errors import UserError, run_command
from msd_ray.data.catalogue import label_names
from msd_ray.data.load import load_source, load_target
from msd_ray.method.device import BF16_INSTRUCTIONS, best_precision
from msd_ray.method.settings import RunSettings
from msd_ray.method.teacher import TeacherTask

from .random_encoder import PREFIX, SHAPES, encoder_named
from .speeds import (
    STUDENT,
    TEACHER,
    Bench,
    Speeds,
    spread_steps,
    student_speeds,
    student_task,
    teacher_speeds,
    teacher_task,
)
from .step_profile import print_step_profile
from .trainer import TrainerRounds, is_trainer_available

MULTICONER = Path("../shared/data/multiconer")


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and return 0. Raises UserError if the corpus or the encoder is missing."""
    parser = option_parser("training", "Compare the training speed of msd_ray with that of other loops.")
    parser.add_argument("--profile", action="store_true", help="print the operations that take most of a step's time")
    options = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print("command   python -m benchmarks.training", shlex.join(sys.argv[1:] if arguments is None else arguments))
    with bench_of(options, device) as bench, tempfile.TemporaryDirectory() as directory:
        print("machine  ", machine(device))
        print(
            f"text      {bench.source.dataset}, en and {bench.target.lang}, {len(bench.source.train)} and "
            f"{len(bench.target.train)} training sentences"
        )
        teacher_steps = teacher_task(bench)
        print(f"encoder   {bench.encoder.name}; batches of {bench.run.batch_size}; ours in {bench.run.precision}")
        teacher = _measured_teacher(bench, teacher_steps)
        student_steps, seconds = student_task(bench, Path(directory) / "outputs")
        print("student: ours and straightforward")
        student = student_speeds(bench, student_steps)
        _print_speeds(teacher, student, bench.rounds)
        lengths = [float(text.lengths.mean()) for text in (student_steps.source, student_steps.target)]
        print(
            f"Tokens per sentence, special tokens included: {lengths[0]:.1f} (en) and {lengths[1]:.1f} "
            f"({bench.target.lang}).\nThe teacher's outputs for all students, stored once: {seconds:.1f} s for "
            f"{len(bench.target.train)} target and {len(bench.source.train)} source sentences."
        )
        _print_trainer(teacher)
        _print_shares(teacher, student, bench)
        if options.profile:
            print_step_profile(
                "teacher", bench, spread_steps(bench, teacher_steps, teacher_steps.train.lengths), TEACHER
            )
            print_step_profile(
                "student", bench, spread_steps(bench, student_steps, student_steps.target.lengths), STUDENT
            )
    return 0


def _measured_teacher(bench: Bench, task: TeacherTask) -> Speeds:
    if not is_trainer_available():
        print("\nteacher: ours and straightforward (round 0 warms up)")
        return teacher_speeds(bench, task, None)
    print("\nteacher: ours, straightforward and Trainer's (round 0 warms up)")
    with TrainerRounds(bench, TEACHER) as trainer:
        return teacher_speeds(bench, task, trainer)


def _print_speeds(teacher: Speeds, student: Speeds, rounds: int) -> None:
    print(f"\n{'':10}{'ours':>12}{'straightforward':>18}{'ratio, median (lowest-highest)':>34}{'padding':>20}")
    for name, speeds in (("teacher", teacher), ("student", student)):
        padding = f"{speeds.padding:.1%} and {speeds.straightforward_padding:.1%}"
        ours, theirs = statistics.median(speeds.ours), statistics.median(speeds.straightforward)
        print(f"{name:10}{ours:12.1f}{theirs:18.2f}{_median_and_range(speeds.ratios):>34}{padding:>20}")
    print(
        f"\nSentences per second (a student's: target sentences), medians over {rounds} rounds; padding: ours and "
        "straightforward."
    )


def _print_trainer(teacher: Speeds) -> None:
    if not teacher.trainer:
        print("transformers.Trainer: not measured, accelerate is not installed.")
        return
    print(
        f"transformers.Trainer, teacher: {statistics.median(teacher.trainer):.2f} sentences per second, "
        f"padding {teacher.trainer_padding:.1%}; ours / Trainer's: {_median_and_range(teacher.trainer_ratios)}.\n"
        "It trains one classifier, ours one per layer above the frozen ones."
    )


def _print_shares(teacher: Speeds, student: Speeds, bench: Bench) -> None:
    threads = f", {torch.get_num_threads()} threads" if bench.device.type == "cpu" else ""
    heading = f"matrix products in {bench.run.precision}{threads}"
    print(f"\n{'GFLOP/s':10}{'our steps':>12}{'share of the fastest product':>34}   {heading}")
    for name, speeds in (("teacher", teacher), ("student", student)):
        rates = [statistics.median(column) / 1e9 for column in zip(*speeds.rates, strict=True)]
        products = "; ".join(f"{product}: {rate:.0f}" for product, rate in zip(speeds.products, rates, strict=True))
        share = _median_and_range([100 * share for share in speeds.shares]) + " %"
        print(f"{name:10}{statistics.median(speeds.flops) / 1e9:12.1f}{share:>34}   {products}")
    print(
        "\nCounted in our steps: matrix products in the forward pass of all layers, in the backward pass of the "
        "trained ones,\nand in the terminals. Not counted: padding, other operations, storing the teacher's outputs."
    )


def _median_and_range(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def machine(device: torch.device) -> str:
    """Describe the device that the steps run on."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    capabilities = torch.cpu.get_capabilities()
    has = [f"{name}: {'yes' if capabilities.get(name) else 'no'}" for name in BF16_INSTRUCTIONS]
    return f"processor ({', '.join(has)}), {torch.get_num_threads()} threads, torch {torch.__version__}"


@contextmanager
def bench_of(options: argparse.Namespace, device: torch.device) -> Iterator[Bench]:
    """Read the corpora and resolve the encoder; a random one exists until the context ends."""
    run = RunSettings(epochs=options.rounds + 1, precision=best_precision(device), dropout_masks="fast")
    # The straightforward loop only takes full batches.
    for name, least in {"sentences": run.batch_size, "rounds": 1, "steps": 1, "threads": 1, "square": 1}.items():
        if getattr(options, name) < least:
            raise UserError(f"--{name} must be {least} or more, not {getattr(options, name)}")
    torch.set_num_threads(options.threads)
    found = MULTICONER.is_dir()
    dataset = options.dataset or ("mlowner" if found or options.data_dir else "sample")
    data_dir = options.data_dir or (MULTICONER if dataset == "mlowner" and found else None)
    source = load_source(dataset, data_dir, limit=options.sentences)
    target = load_target(dataset, options.lang, data_dir, limit=options.sentences)
    if min(len(source.train), len(target.train)) < run.batch_size:
        raise UserError(f"{dataset}, en and {options.lang}: expected {run.batch_size} or more training sentences each")
    with encoder_named(options.encoder, (*source.train, *target.train)) as encoder:
        yield Bench(
            encoder=encoder,
            source=source,
            target=target,
            labels=label_names(dataset),
            run=run,
            rounds=options.rounds,
            steps=options.steps,
            square=options.square,
            device=device,
        )


def option_parser(module: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a benchmark of training steps."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    add = parser.add_argument
    random = " or ".join(PREFIX + size for size in SHAPES)
    # Large enough for the device's highest rate.
    square = 8192 if torch.cuda.is_available() else 2048
    add("--dataset", metavar="NAME", help=f"default: mlowner with --data-dir or if {MULTICONER} exists, else sample")
    add("--data-dir", type=Path, metavar="DIR", help="directory of its files")
    add("--lang", default="tr", metavar="CODE", help="target language (default: tr)")
    add("--encoder", default="e5-small", metavar="NAME", help=f"hub name, directory, {random}, or e5-small (default)")
    add("--sentences", type=int, default=1024, metavar="N", help="training sentences per language (default: 1024)")
    add("--rounds", type=int, default=3, metavar="N", help="counted rounds (default: 3)")
    add("--steps", type=int, default=8, metavar="N", help="our steps per round, next to one of theirs (default: 8)")
    threads = torch.get_num_threads()
    add("--threads", type=int, default=threads, metavar="N", help="torch threads (default: torch's default)")
    add("--square", type=int, default=square, metavar="N", help=f"size of the square product (default: {square})")
    return parser


if __name__ == "__main__":
    run_command(main)
