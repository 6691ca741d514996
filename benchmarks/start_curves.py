"""Makes a few real learning curves of students that start at the encoder and at their teacher.

`python -m benchmarks.start_curves` trains one teacher and then students of both kinds (`POINTS`) on the whole bundled
corpus with e5-small, one thread, and writes F1 on target dev after each epoch to `start_curves.csv`. It takes about ten
minutes of one core. The curves show what early stopping must not do: compare the two kinds early
(`tests/search/test_kinds.py`). `learning_curves` cannot: its trainings are so short that no student which starts at the
encoder gets anywhere.
"""

import argparse
import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from transformers.utils.logging import disable_progress_bar

from msd_ray.encoders.sources import resolve
from msd_ray.errors import UserError, run_command
from msd_ray.search.parameters import JSON
from msd_ray.search.plans import Experiment, Launch, TrialPlan, TrialReport
from msd_ray.search.prepare import Data, prepare, read
from msd_ray.search.storage import Storage
from msd_ray.search.work import run_launch
from msd_ray.training import Configuration, RunSettings, StudentSettings, TeacherSettings
from msd_ray.training.selection import dev_metric

TABLE = Path(__file__).with_name("start_curves.csv")
LANG = "ar"
RUN = RunSettings(seed=1, epochs=5, batch_size=8, precision="bf16", dropout_masks="fast")
TEACHER = TeacherSettings(learning_rate=2e-4, head_learning_rate=10, omega_learning_rate=100, alpha=0.5)
POINTS: tuple[tuple[str, str, float], ...] = (
    ("teacher", "soft-cross-entropy", 5e-5),
    ("encoder", "soft-cross-entropy", 2e-4),
    ("teacher", "soft-cross-entropy", 1e-4),
    ("encoder", "soft-cross-entropy", 1e-4),
    ("teacher", "mse", 5e-5),
)
"""init, kd_loss and learning rate of each student, in the order of their training."""


def main(arguments: list[str] | None = None) -> int:
    """Train them all and write the table; 0. Raises UserError for a training that fails."""
    argparse.ArgumentParser(prog="python -m benchmarks.start_curves", description=__doc__).parse_args(arguments)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    rows = [("init", "kd_loss", "learning_rate", *(f"f1_{epoch}" for epoch in range(1, RUN.epochs + 1)))]
    with tempfile.TemporaryDirectory(prefix="start-curves-") as scratch:
        storage = Storage.at(Path(scratch))
        storage.create()
        data = Data(dataset="sample", lang=LANG, directory=None, limit=None, max_length=RUN.max_length)
        experiment = prepare(data, read(data), resolve("e5-small"), storage).experiment
        for init, kd_loss, rate in POINTS:
            curve = _curve(experiment, {"init": init, "kd_loss": kd_loss, "learning_rate": rate})
            print(init, kd_loss, rate, ", ".join(f"{100 * f1:.1f}" for f1 in curve), flush=True)
            rows.append((init, kd_loss, str(rate), *(f"{f1:.5f}" for f1 in curve)))
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# command: python -m benchmarks.start_curves\n# data: sample, en to {LANG}; encoder: e5-small\n")
        file.write(f"# run: {RUN}\n# teacher: {TEACHER}\n")
        csv.writer(file, lineterminator="\n").writerows(rows)
    return 0


def read_curves() -> list[tuple[Mapping[str, JSON], tuple[float, ...]]]:
    """The students of the table: their `init`, `kd_loss` and `learning_rate`, and F1 after each epoch, 0..1."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [
        (
            {"init": row["init"], "kd_loss": row["kd_loss"], "learning_rate": float(row["learning_rate"])},
            tuple(float(value) for name, value in row.items() if name.startswith("f1_")),
        )
        for row in csv.DictReader(lines)
    ]


def _curve(experiment: Experiment, point: Mapping[str, JSON]) -> list[float]:
    student = StudentSettings(
        **point,  # type: ignore[arg-type]
        head_learning_rate=10,
        omega_learning_rate=100,
        beta=0.5,
        alpha_prime=0.0,
        beta_prime=0.0,
    )
    plan = TrialPlan(
        phase="student", number=0, run=RUN, configurations=(Configuration(teachers=(TEACHER,), student=student),)
    )
    f1: dict[int, float] = {}

    def note(report: TrialReport) -> None:
        if report.reason is not None:
            raise UserError(f"the training at {dict(point)} failed: {report.reason}")
        if report.epoch is not None:
            f1[report.epoch] = report.metrics[dev_metric("target")]
        elif report.stage:
            print(f"  {report.stage}", flush=True)

    run_launch(Launch(experiment=experiment, trials=(plan,), threads=1), torch.device("cpu"), note)
    return [f1[epoch] for epoch in sorted(f1)]


if __name__ == "__main__":
    run_command(main)
