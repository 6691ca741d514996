"""Trains a small teacher or student in a process of its own, alone or as one of several workers.

    python training_driver.py teacher|student ENCODER OUTPUTS DIRECTORY [RANK SIZE]

With several workers there is no dropout, which each worker would draw for itself, and each leaves its weights and
what it was told in DIRECTORY-RANK.safetensors and DIRECTORY-RANK.json.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from small_trainings import CPU, STUDENT, TEACHER, Trained, small_corpora, train_student, train_teacher

from msd_ray.encoders.sources import resolve
from msd_ray.training.checkpoints import EpochRecord
from msd_ray.training.outputs import load_outputs


def main(kind: str, encoder: str, outputs: str, directory: str, rank: str = "0", size: str = "1") -> None:
    torch.set_num_threads(1)
    several = int(size) > 1
    if several:
        meeting = f"file://{directory}-meeting"
        dist.init_process_group("gloo", init_method=meeting, rank=int(rank), world_size=int(size))
    trained = train_one(kind, encoder, Path(outputs), Path(directory), without_dropout=several)
    if several:
        save_file(trained.weights, f"{directory}-{rank}.safetensors")
        epochs = [asdict(record) for record in trained.reported]
        Path(f"{directory}-{rank}.json").write_text(json.dumps(epochs), encoding="utf-8")
        dist.destroy_process_group()


def train_one(kind: str, encoder: str, outputs: Path, directory: Path, *, without_dropout: bool) -> Trained:
    corpora = small_corpora(resolve(encoder))
    teacher, student = TEACHER, STUDENT
    if without_dropout:
        teacher, student = replace(TEACHER, dropout=0.0), replace(STUDENT, dropout=0.0)
    if kind == "teacher":
        return train_teacher(corpora, directory, settings=teacher, report=tell)
    return train_student(corpora, load_outputs(outputs, CPU), directory, settings=student, report=tell)


def tell(record: EpochRecord) -> None:
    print(f"epoch {record.epoch}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
