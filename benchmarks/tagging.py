"""Time of `python -m msd_ray.predict`: to the first output, and for a whole text; of two checkouts, if wanted.

`python -m benchmarks.tagging --model DIR` tags sentences of the embedded corpus, each run in a process of its own. With
`--other CHECKOUT` the same text is tagged by another checkout of this repository, in turn, and the medians compared.
The files are read once before, so that they are in the operating system's cache.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from msd_ray.common.errors import UserError, run_command
from msd_ray.common.option_types import path
from msd_ray.data.sample import sample_sentences

HERE = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds from the start of a process to its first byte of output, and to its end; and its output."""

    first: float
    all: float
    output: bytes


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Raises UserError if tagging fails."""
    options = _parser().parse_args(arguments)
    for file in options.model.iterdir():
        file.read_bytes()
    sentences = islice(cycle(sample_sentences(options.lang, "train")), options.sentences)
    places = [HERE, *([options.other] if options.other else [])]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as text:
        text.writelines(f"{' '.join(sentence.tokens)}\n" for sentence in sentences)
        text.flush()
        command = [sys.executable, "-m", "msd_ray.predict", "--model", str(options.model.resolve())]
        runs: dict[Path, list[Timing]] = {place: [] for place in places}
        for _ in range(options.repeats):
            for place in places:
                runs[place].append(timed(command, Path(text.name), place))
    print(f"{options.sentences} sentences of the embedded corpus ({options.lang}), {os.cpu_count()} CPUs")
    print("| checkout | first output, s | all, s | sentences per second | labels |")
    print("|---|---|---|---|---|")
    for place, found in runs.items():
        print(_row(place, found, options.sentences, runs[HERE][0].output))
    return 0


def timed(command: Sequence[str], text: Path, checkout: Path) -> Timing:
    """Run a command in a checkout with the text as standard input."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    started = time.perf_counter()
    with (
        text.open("rb") as stdin,
        subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, env=environment, cwd=checkout) as process,
    ):
        assert process.stdout is not None
        head = process.stdout.read(1)
        first = time.perf_counter() - started
        rest = process.stdout.read()
    if process.returncode:
        raise UserError(f"{' '.join(command)} in {checkout} failed with exit code {process.returncode}")
    return Timing(first=first, all=time.perf_counter() - started, output=head + rest)


def _row(place: Path, found: Sequence[Timing], sentences: int, reference: bytes) -> str:
    first, whole = (statistics.median(getattr(one, name) for one in found) for name in ("first", "all"))
    same = _labels(found[0].output) == _labels(reference)
    return f"| {place} | {first:.2f} | {whole:.2f} | {sentences / whole:.0f} | {'same' if same else 'differ'} |"


def _labels(output: bytes) -> list[bytes]:
    return [line.partition(b', "entities"')[0] for line in output.splitlines()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tagging", description="Time python -m msd_ray.predict.")
    add = parser.add_argument
    add("--model", type=path, required=True, metavar="DIR", help="directory of an exported student")
    add("--lang", default="ar", metavar="CODE", help="language of the sentences (default: ar)")
    add("--sentences", type=int, default=2000, metavar="N", help="number of sentences (default: 2000)")
    add("--repeats", type=int, default=3, metavar="N", help="runs per checkout (default: 3)")
    add("--other", type=path, metavar="CHECKOUT", help="another checkout of this repository")
    return parser


if __name__ == "__main__":
    run_command(main)
