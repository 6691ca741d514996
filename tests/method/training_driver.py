"""Train a small teacher or student in a process of its own, as the only or one of several workers.

    python training_driver.py teacher|student ENCODER OUTPUTS DIRECTORY [RANK SIZE [paper|everything]]

With several workers there is no dropout, which each worker would draw for itself, and each leaves its weights and
what it was told in DIRECTORY-RANK.safetensors and DIRECTORY-RANK.json; `exact_settings` are the settings then.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from small_trainings import (
    ALL_RUN,
    ALL_STUDENT,
    ALL_TEACHER,
    CPU,
    RUN,
    STUDENT,
    TEACHER,
    SmallCorpora,
    Trained,
    small_corpora,
    train_student,
    train_teacher,
)

from msd_ray.data.encoders.sources import resolve
from msd_ray.method.checkpoints import EpochRecord
from msd_ray.method.outputs import load_outputs
from msd_ray.method.settings import RunSettings, StudentSettings, TeacherSettings


def main(
    kind: str, encoder: str, outputs: str, directory: str, rank: str = "0", size: str = "1", what: str = "paper"
) -> None:
    torch.set_num_threads(1)
    corpora = small_corpora(resolve(encoder))
    if int(size) == 1:
        train_one(kind, corpora, Path(outputs), Path(directory), (TEACHER, STUDENT, RUN))
        return
    meeting = f"file://{directory}-meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=int(rank), world_size=int(size))
    trained = train_one(kind, corpora, Path(outputs), Path(directory), exact_settings(what))
    save_file(trained.weights, f"{directory}-{rank}.safetensors")
    epochs = [asdict(record) for record in trained.reported]
    Path(f"{directory}-{rank}.json").write_text(json.dumps(epochs), encoding="utf-8")
    dist.destroy_process_group()


Settings = tuple[TeacherSettings, StudentSettings, RunSettings]


def exact_settings(what: str) -> Settings:
    """Without dropout: the paper's way, or all others (but for rates with which rounding errors grow)."""
    if what == "paper":
        return replace(TEACHER, dropout=0.0), replace(STUDENT, dropout=0.0), RUN
    teacher = replace(ALL_TEACHER, dropout=0.0, head_learning_rate=1.0, omega_learning_rate=1.0)
    return teacher, replace(ALL_STUDENT, dropout=0.0, head_learning_rate=1.0, omega_learning_rate=1.0), ALL_RUN


def train_one(kind: str, corpora: SmallCorpora, outputs: Path, directory: Path, settings: Settings) -> Trained:
    teacher, student, run = settings
    if kind == "teacher":
        return train_teacher(corpora, directory, settings=teacher, run=run, report=tell)
    return train_student(corpora, load_outputs(outputs, CPU), directory, settings=student, run=run, report=tell)


def tell(record: EpochRecord) -> None:
    print(f"epoch {record.epoch}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
