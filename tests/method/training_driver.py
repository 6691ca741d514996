"""Train a small teacher or student in a process of its own, as the only or one of several workers.

    python training_driver.py teacher|student ENCODER OUTPUTS DIRECTORY [RANK SIZE [paper|everything|dropout|warned]]

Each of several workers leaves its weights and what it was told in DIRECTORY-RANK.safetensors and DIRECTORY-RANK.json.
They train without dropout, which each draws for itself, unless told "dropout"; `exact_settings` are the settings then.
With "warned" the last worker's node is to be reclaimed, and all end after the checkpoint within the first epoch.
"""

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

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
from msd_ray.method import loop
from msd_ray.method.checkpoints import EpochRecord
from msd_ray.method.outputs import load_outputs
from msd_ray.method.settings import RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.within_epoch import EpochSums, Warned


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
    if what == "warned":
        end_after_checkpoint()
    warned = (lambda: rank == "1") if what == "warned" else None
    trained = train_one(kind, corpora, Path(outputs), Path(directory), exact_settings(what), warned)
    save_file(trained.weights, f"{directory}-{rank}.safetensors")
    epochs = [asdict(record) for record in trained.reported]
    Path(f"{directory}-{rank}.json").write_text(json.dumps(epochs), encoding="utf-8")
    dist.destroy_process_group()


Settings = tuple[TeacherSettings, StudentSettings, RunSettings]


def exact_settings(what: str) -> Settings:
    """Without dropout: the paper's way, or all others (but for rates with which rounding errors grow)."""
    if what in ("dropout", "warned"):
        return TEACHER, STUDENT, RUN
    if what == "paper":
        return replace(TEACHER, dropout=0.0), replace(STUDENT, dropout=0.0), RUN
    teacher = replace(ALL_TEACHER, dropout=0.0, head_learning_rate=1.0, omega_learning_rate=1.0)
    return teacher, replace(ALL_STUDENT, dropout=0.0, head_learning_rate=1.0, omega_learning_rate=1.0), ALL_RUN


def train_one(
    kind: str, corpora: SmallCorpora, outputs: Path, directory: Path, settings: Settings, warned: Warned | None = None
) -> Trained:
    teacher, student, run = settings
    if kind == "teacher":
        return train_teacher(corpora, directory, settings=teacher, run=run, report=tell, warned=warned)
    soft = load_outputs(outputs, CPU)
    return train_student(corpora, soft, directory, settings=student, run=run, report=tell, warned=warned)


def end_after_checkpoint() -> None:
    """End this process once all workers have passed a checkpoint within an epoch."""
    commit = loop._commit

    def commit_and_end(*arguments: Any) -> None:
        commit(*arguments)
        if isinstance(arguments[-1], EpochSums):
            os._exit(0)

    loop._commit = commit_and_end  # type: ignore[assignment]


def tell(record: EpochRecord) -> None:
    print(f"epoch {record.epoch}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
