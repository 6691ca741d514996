"""Create the frozen table of real learning curves: `python -m benchmarks.learning_curves --trials 64`.

Trains one teacher, then students at the points of a Sobol sequence over `curve_table.SPACE`, with the package's worker
code on the embedded corpus, and appends one row per training to the table. A restarted run continues the table. The
encoder is the first `LAYERS` layers of e5-small and sentences are few, so a training takes seconds on one core.
"""

import argparse
import csv
import io
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import qmc
from transformers import BertModel
from transformers.utils.logging import disable_progress_bar

from msd_ray.common.errors import UserError, run_command
from msd_ray.common.files import new_directory
from msd_ray.data.encoders.sources import resolve
from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings, dev_metric
from msd_ray.search.parameters import JSON, Choice, Range
from msd_ray.search.plans import Experiment, Launch, TrialPlan, TrialReport
from msd_ray.search.prepare import Data, Prepared, ReadCorpora, prepare, read
from msd_ray.search.work import run_launch
from msd_ray.storage.layout import Storage

from .curve_table import PAPER, SPACE, TABLE, columns, read_rows

LAYERS, LANG, SENTENCES, DEV_SENTENCES = 2, "ar", 128, 64
RUN = RunSettings(seed=0, epochs=9, batch_size=16, max_length=32, frozen_layers=0, precision="bf16")
TEACHER = TeacherSettings(learning_rate=5e-4)


def main(arguments: list[str] | None = None) -> int:
    """Train what the table lacks and return 0. Raises UserError if the file holds a table of other trainings."""
    options = _parser().parse_args(arguments)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    if options.trials < 1:
        raise UserError(f"--trials must be 1 or more, not {options.trials}")
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="learning-curves-") as scratch:
        storage = options.storage or Path(scratch)
        prepared = _prepared(storage)
        _write_header(options.table, prepared)
        done = [dict(point) for point in read_rows(options.table)[0]]
        for number, point in enumerate(points(options.trials)):
            if point in done:
                continue
            row = _train(prepared.experiment, number, point)
            with options.table.open("a", encoding="utf-8") as table:
                table.write(_line([*point.values(), *row]))
            # A student's checkpoints are large and not read again.
            shutil.rmtree(storage / "students")
            print(
                f"{number + 1} of {options.trials}: F1 {', '.join(f'{100 * f1:.1f}' for f1 in row[: RUN.epochs])}",
                flush=True,
            )
    return 0


def points(count: int) -> Iterator[dict[str, JSON]]:
    """Yield the first `count` points: the paper's, then a scrambled Sobol sequence, with four significant digits."""
    yield dict(PAPER)
    sequence = qmc.Sobol(len(SPACE), rng=np.random.default_rng(0)).random_base2((count - 1).bit_length())
    for draws in sequence[: count - 1]:
        point: dict[str, JSON] = {}
        for draw, (name, parameter) in zip(draws, SPACE.items(), strict=True):
            if isinstance(parameter, Range):
                point[name] = float(f"{parameter.low * (parameter.high / parameter.low) ** draw:.3e}")
            elif isinstance(parameter, Choice):
                point[name] = parameter.values[int(draw * len(parameter.values))]
        yield point


def _train(experiment: Experiment, number: int, point: Mapping[str, JSON]) -> list[float]:
    """Return F1 after each epoch, then each epoch's CPU seconds. Raises UserError if the training fails."""
    f1: dict[int, float] = {}
    seconds: dict[int, float] = {}
    before = time.process_time()

    def on_report(report: TrialReport) -> None:
        nonlocal before
        now = time.process_time()
        if report.reason is not None:
            raise UserError(f"training at {dict(point)}: failed: {report.reason}")
        if report.epoch is not None:
            f1[report.epoch] = round(report.metrics[dev_metric("target")], 5)
            seconds[report.epoch] = round(now - before, 2)
        before = now

    configuration = Configuration(teachers=(TEACHER,), student=StudentSettings(**point))  # type: ignore[arg-type]
    plan = TrialPlan(phase="student", number=number, run=RUN, configurations=(configuration,))
    run_launch(
        Launch(experiment=experiment, trials=(plan,), threads=torch.get_num_threads()), torch.device("cpu"), on_report
    )
    return [*(f1[epoch] for epoch in sorted(f1)), *(seconds[epoch] for epoch in sorted(seconds))]


def _prepared(storage: Path) -> Prepared:
    """Prepare the corpora and the shortened encoder in the storage."""
    encoder = storage / f"e5-small-{LAYERS}-layers"
    if not encoder.is_dir():
        files = resolve("e5-small")
        model = BertModel.from_pretrained(files.directory, add_pooling_layer=False)
        model.encoder.layer = model.encoder.layer[:LAYERS]
        model.config.num_hidden_layers = LAYERS
        with new_directory(encoder) as scratch:
            shutil.copytree(
                files.directory, scratch, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors")
            )
            model.save_pretrained(scratch)
    data = Data(dataset="sample", lang=LANG, directory=None, limit=SENTENCES, max_length=RUN.max_length)
    whole = read(data)
    corpora = ReadCorpora(
        source=replace(whole.source, dev=whole.source.dev[:DEV_SENTENCES]),
        target=replace(whole.target, dev=whole.target.dev[:DEV_SENTENCES]),
    )
    prepared_storage = Storage.at(storage)
    prepared_storage.create()
    return prepare(data, corpora, resolve(str(encoder)), prepared_storage)


def _write_header(table: Path, prepared: Prepared) -> None:
    """Write the header of a new table. Raises UserError if an existing table is of other trainings."""
    head = [
        "command: python -m benchmarks.learning_curves",
        f"commit: {commit()}",
        f"data: sample, en to {LANG}, {SENTENCES} training and {DEV_SENTENCES} dev sentences of each, sha256 "
        + ", ".join(f"{name} {digest[:12]}" for name, digest in sorted(prepared.digests.items())),
        f"encoder: the first {LAYERS} layers of e5-small, sha256 {prepared.experiment.encoder.digest[:12]}",
        f"run: {RUN}",
        f"teacher: {TEACHER}",
        "seconds: of processor time from report to report, one thread; the first with the student's start",
    ]
    same = [line for line in head if line.startswith(("data", "encoder", "run", "teacher"))]
    if table.exists():
        existing = [line.removeprefix("# ") for line in table.read_text(encoding="utf-8").splitlines()]
        if other := [line for line in same if line not in existing]:
            raise UserError(f"--table {table}: is a table of other trainings, without {other[0]!r}. Move it away")
        return
    table.write_text("".join(f"# {line}\n" for line in head) + _line(columns(RUN.epochs)), encoding="utf-8")


def commit() -> str:
    """Return the checkout's commit, `unknown` without one."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "-C", str(Path(__file__).parent), "rev-parse", "--short=10", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _line(values: list[float] | list[str] | list[JSON]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.learning_curves",
        description="Train students at many points of a search space and record their learning curves.",
    )
    add = parser.add_argument
    add("--trials", type=int, default=64, metavar="N", help="number of trainings in the table (default: 64)")
    add("--table", type=Path, default=TABLE, metavar="FILE", help="default: benchmarks/learning_curves.csv")
    add("--storage", type=Path, metavar="DIR", help="reuse the teacher in this storage (default: a temporary one)")
    add("--threads", type=int, default=1, metavar="N", help="torch threads (default: 1)")
    return parser


if __name__ == "__main__":
    run_command(main)
