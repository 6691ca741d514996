"""Sentences a second of teacher and student steps: our loop and a straightforward one, in turn, on the same text."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from msd_ray.corpora import SourceCorpus, TargetCorpus
from msd_ray.encoders.files import EncoderFiles
from msd_ray.encoders.loading import load_tokenizer
from msd_ray.features import TextTensors, encode_sentences, encode_text, padding_share
from msd_ray.model import MultiChannelTagger
from msd_ray.training import OptimizerSettings, RunSettings, StudentSettings, TeacherSettings
from msd_ray.training.build import build_tagger
from msd_ray.training.checkpoints import EpochRecord, TrainingDirectory
from msd_ray.training.device import autocast
from msd_ray.training.loop import Task, train
from msd_ray.training.outputs import load_outputs, save_outputs
from msd_ray.training.spread import SpreadSteps
from msd_ray.training.student import StudentTask
from msd_ray.training.teacher import TeacherTask

from . import straightforward

TEACHER, STUDENT = TeacherSettings(), StudentSettings()

Int64 = npt.NDArray[np.int64]
Step = TypeVar("Step")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What both loops are given. steps: ours a round, while the straightforward loop takes one."""

    encoder: EncoderFiles
    source: SourceCorpus
    target: TargetCorpus
    labels: Sequence[str]
    run: RunSettings
    rounds: int
    steps: int
    device: torch.device

    @property
    def source_text(self) -> TextTensors:
        """The source's training sentences, with labels, as our loop has them."""
        tokenizer = load_tokenizer(self.encoder)
        encoded = encode_sentences(self.source.train, tokenizer, self.labels, max_length=self.run.max_length)
        return TextTensors(encoded, int(tokenizer.pad_token_id), self.device)

    @property
    def target_text(self) -> TextTensors:
        """The target's training text, as our loop has it."""
        tokenizer = load_tokenizer(self.encoder)
        encoded = encode_text(self.target.train, tokenizer, max_length=self.run.max_length)
        return TextTensors(encoded, int(tokenizer.pad_token_id), self.device)

    def tagger(self, settings: OptimizerSettings) -> MultiChannelTagger:
        """Our model with its first weights."""
        return build_tagger(self.encoder, len(self.labels), run=self.run, dropout=settings.dropout, device=self.device)

    def straightforward(self, settings: OptimizerSettings) -> straightforward.Training:
        """The other loop's model with its first weights."""
        return straightforward.Training.start(self.encoder, len(self.labels), settings, self.run, self.device)


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """Sentences a second of each round, and the share of padding in the batches, 0..1."""

    ours: list[float]
    straightforward: list[float]
    padding: float
    straightforward_padding: float

    @property
    def ratios(self) -> list[float]:
        """Ours by the straightforward loop's, of each round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.straightforward, strict=True)]


def teacher_task(bench: Bench) -> TeacherTask:
    """A teacher's steps."""
    return TeacherTask(settings=TEACHER, run=bench.run, train=bench.source_text)


def student_task(bench: Bench, outputs: Path) -> tuple[StudentTask, float]:
    """A student's steps, and the seconds that storing its teacher's outputs at `outputs` took."""
    source, target = bench.source_text, bench.target_text
    seconds = _store_outputs(bench, outputs, target, source)
    teacher = load_outputs(outputs, bench.device)
    task = StudentTask(settings=STUDENT, run=bench.run, target=target, source=source, teacher=teacher, dev={})
    return task, seconds


def teacher_speeds(bench: Bench) -> Speeds:
    """Speeds of teacher steps, both ways."""
    task = teacher_task(bench)
    theirs = bench.straightforward(TEACHER)
    batches = straightforward.padded_batches(bench.source.train, load_tokenizer(bench.encoder), bench.labels, bench.run)
    return _speeds(
        bench,
        task,
        TEACHER,
        task.train.lengths,
        lambda step: step[0],
        lambda: straightforward.teacher_step(theirs, next(batches), TEACHER),
    )


def student_speeds(bench: Bench, outputs: Path) -> tuple[Speeds, float]:
    """Speeds of student steps, both ways, and the seconds that storing the teacher's outputs at `outputs` took."""
    task, seconds = student_task(bench, outputs)
    theirs, teacher = bench.straightforward(STUDENT), bench.straightforward(TEACHER).model
    tokenizer = load_tokenizer(bench.encoder)
    targets = straightforward.padded_batches(bench.target.train, tokenizer, bench.labels, bench.run)
    sources = straightforward.padded_batches(bench.source.train, tokenizer, bench.labels, bench.run)
    speeds = _speeds(
        bench,
        task,
        STUDENT,
        task.target.lengths,
        lambda step: step[0],
        lambda: straightforward.student_step(theirs, teacher, next(targets), next(sources), STUDENT),
    )
    return speeds, seconds


def _store_outputs(bench: Bench, outputs: Path, target: TextTensors, source: TextTensors) -> float:
    """What a search does once for all students of a teacher; its seconds."""
    teacher = bench.tagger(TEACHER).eval()
    started = time.perf_counter()
    with torch.inference_mode(), autocast(bench.device, bench.run.precision):
        save_outputs(outputs, teacher, target, source)
    return time.perf_counter() - started


def _speeds(
    bench: Bench,
    task: Task[Step],
    settings: OptimizerSettings,
    lengths: Int64,
    sentences: Callable[[Step], Int64],
    their_step: Callable[[], float],
) -> Speeds:
    """Rounds of our steps and one of theirs; `sentences` gives the indices of those of a step that are counted."""
    spread = SpreadSteps(task, lambda step: int(lengths[sentences(step)].sum()), bench.steps)
    ours: list[float] = []
    theirs: list[float] = []

    def report(epoch: EpochRecord) -> None:
        count = sum(len(sentences(step)) for step in spread.steps(epoch.epoch))
        ours.append(count / epoch.metrics["time/train_seconds"])
        theirs.append(bench.run.batch_size / _seconds(their_step))
        print(f"  round {epoch.epoch - 1}: {ours[-1]:.1f} and {theirs[-1]:.2f} sentences/s", flush=True)

    with tempfile.TemporaryDirectory() as directory:
        train(
            bench.tagger(settings),
            spread,
            optimizer_settings=settings,
            run=bench.run,
            directory=TrainingDirectory(path=Path(directory), keep=lambda _: []),
            device=bench.device,
            report=report,
        )
    return Speeds(
        ours=ours[1:],
        straightforward=theirs[1:],
        padding=padding_share(lengths, [sentences(step) for step in task.steps(1)]),
        straightforward_padding=1.0 - float(lengths.mean()) / bench.run.max_length,
    )


def _seconds(step: Callable[[], float]) -> float:
    """How long a step takes without what only our loop asks of torch, the same results every time."""
    torch.use_deterministic_algorithms(False)
    try:
        started = time.perf_counter()
        step()  # reads its loss, so a GPU has finished
        return time.perf_counter() - started
    finally:
        torch.use_deterministic_algorithms(True)
