"""Training speed: msd_ray's own loop beside a straightforward one, on the same encoder and text in one run.

`python -m benchmarks.training` prints sentences a second of teacher steps and of student steps, both ways, their
ratios, and the share of padding. Ours is `msd_ray.training.loop.train` itself, timed by itself, on batches spread
evenly over an epoch's lengths. Between its epochs the straightforward loop takes a step; its batches all have one
size. A ratio is taken in each such round, so that a load on the machine that comes and goes falls on both; a first
round warms up and is not counted. A student's speed is counted in target sentences: as many source sentences go
through both loops beside them.
"""

import argparse
import shlex
import statistics
import sys
import tempfile
from pathlib import Path

import torch

from msd_ray.corpora import label_names, load_source, load_target
from msd_ray.encoders.sources import resolve
from msd_ray.errors import UserError, run_command
from msd_ray.training import RunSettings
from msd_ray.training.device import BF16_INSTRUCTIONS, best_precision

from .speeds import Bench, Speeds, student_speeds, teacher_speeds

MULTICONER = Path("../shared/data/multiconer")


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0. Raises UserError for a corpus or an encoder that is missing."""
    options = option_parser("training", "Training speed of msd_ray beside that of a straightforward loop.").parse_args(
        arguments
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print("command   python -m benchmarks.training", shlex.join(sys.argv[1:] if arguments is None else arguments))
    bench = bench_of(options, device)
    print("machine  ", machine(device))
    print(
        f"text      {bench.source.dataset}, en and {bench.target.lang}, {len(bench.source.train)} and "
        f"{len(bench.target.train)} training sentences"
    )
    print(f"encoder   {bench.encoder.name}; batches of {bench.run.batch_size}; ours in {bench.run.precision}")
    print("\nteacher: ours and straightforward (round 0 warms up)")
    teacher = teacher_speeds(bench)
    print("student: ours and straightforward")
    with tempfile.TemporaryDirectory() as directory:
        student, seconds = student_speeds(bench, Path(directory) / "outputs")
    print(f"\n{'':10}{'ours':>12}{'straightforward':>18}{'ratio, median (lowest-highest)':>34}{'padding':>20}")
    print(_row("teacher", teacher))
    print(_row("student", student))
    print(
        f"\nSentences a second (a student's: target sentences), medians over {bench.rounds} rounds; padding: ours and "
        f"straightforward.\nThe teacher's outputs for all students, stored once: {seconds:.1f} s for "
        f"{len(bench.target.train)} target and {len(bench.source.train)} source sentences."
    )
    return 0


def _row(name: str, speeds: Speeds) -> str:
    ratios = speeds.ratios
    ratio = f"{statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"
    padding = f"{speeds.padding:.1%} and {speeds.straightforward_padding:.1%}"
    ours, theirs = statistics.median(speeds.ours), statistics.median(speeds.straightforward)
    return f"{name:10}{ours:12.1f}{theirs:18.2f}{ratio:>34}{padding:>20}"


def machine(device: torch.device) -> str:
    """What the steps run on, in words."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    capabilities = torch.cpu.get_capabilities()
    has = [f"{name}: {'yes' if capabilities.get(name) else 'no'}" for name in BF16_INSTRUCTIONS]
    return f"processor ({', '.join(has)}), {torch.get_num_threads()} threads, torch {torch.__version__}"


def bench_of(options: argparse.Namespace, device: torch.device) -> Bench:
    """Read the corpora and find the encoder."""
    run = RunSettings(epochs=options.rounds + 1, precision=best_precision(device), dropout_masks="fast")
    # Straightforward steps are full batches.
    for name, least in {"sentences": run.batch_size, "rounds": 1, "steps": 1, "threads": 1}.items():
        if getattr(options, name) < least:
            raise UserError(f"--{name} must be {least} or more, not {getattr(options, name)}")
    torch.set_num_threads(options.threads)
    found = MULTICONER.is_dir()
    dataset = options.dataset or ("mlowner" if found else "sample")
    data_dir = options.data_dir or (MULTICONER if dataset == "mlowner" and found else None)
    source = load_source(dataset, data_dir, limit=options.sentences)
    target = load_target(dataset, options.lang, data_dir, limit=options.sentences)
    if min(len(source.train), len(target.train)) < run.batch_size:
        raise UserError(f"{dataset}, en or {options.lang}: fewer training sentences than a batch's {run.batch_size}")
    return Bench(
        encoder=resolve(options.encoder),
        source=source,
        target=target,
        labels=label_names(dataset),
        run=run,
        rounds=options.rounds,
        steps=options.steps,
        device=device,
    )


def option_parser(module: str, description: str) -> argparse.ArgumentParser:
    """The options of a benchmark of training steps."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    add = parser.add_argument
    add("--dataset", metavar="NAME", help=f"default: mlowner where {MULTICONER} is there, else sample")
    add("--data-dir", type=Path, metavar="DIR", help="where its files are")
    add("--lang", default="tr", metavar="CODE", help="target language (default: tr)")
    add("--encoder", default="e5-small", metavar="NAME", help="hub name, directory, or e5-small (default)")
    add("--sentences", type=int, default=1024, metavar="N", help="training sentences a language (default: 1024)")
    add("--rounds", type=int, default=3, metavar="N", help="rounds that count (default: 3)")
    add("--steps", type=int, default=8, metavar="N", help="our steps a round, beside one of theirs (default: 8)")
    threads = torch.get_num_threads()
    add("--threads", type=int, default=threads, metavar="N", help="of torch (default: as many as torch takes)")
    return parser


if __name__ == "__main__":
    run_command(main)
