"""Sentences per second of teacher and student steps, alternating between our loop and others on the same text."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from msd_ray.data.batches import padding_share
from msd_ray.data.encode import encode_sentences, encode_text
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.load import SourceCorpus, TargetCorpus
from msd_ray.data.tensors import TextTensors
from msd_ray.method.build import build_tagger
from msd_ray.method.checkpoints import EpochRecord, TrainingDirectory
from msd_ray.method.device import autocast
from msd_ray.method.loop import SpreadSteps, Task, train
from msd_ray.method.outputs import load_outputs, save_outputs
from msd_ray.method.settings import OptimizerSettings, RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.student import StudentTask
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.teacher import TeacherTask

from . import straightforward
from .flops import Product, TaggerShape, encoder_products, training_flops
from .trainer import TrainerRounds

TEACHER, STUDENT = TeacherSettings(), StudentSettings()

Int64 = npt.NDArray[np.int64]
Step = TypeVar("Step", bound=tuple[Int64, Int64 | None])


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Input of all loops.

    steps: our steps per round, in which the straightforward loop takes one. square: rows and columns of the square
    product whose rate is measured.
    """

    encoder: EncoderFiles
    source: SourceCorpus
    target: TargetCorpus
    labels: Sequence[str]
    run: RunSettings
    rounds: int
    steps: int
    square: int
    device: torch.device

    @property
    def source_text(self) -> TextTensors:
        """The source's training sentences with labels, encoded for our loop."""
        tokenizer = load_tokenizer(self.encoder)
        encoded = encode_sentences(self.source.train, tokenizer, self.labels, max_length=self.run.max_length)
        return TextTensors(encoded, int(tokenizer.pad_token_id), self.device)

    @property
    def target_text(self) -> TextTensors:
        """The target's training text, encoded for our loop."""
        tokenizer = load_tokenizer(self.encoder)
        encoded = encode_text(self.target.train, tokenizer, max_length=self.run.max_length)
        return TextTensors(encoded, int(tokenizer.pad_token_id), self.device)

    def tagger(self, settings: OptimizerSettings) -> MultiChannelTagger:
        """Return our model with initial weights."""
        return build_tagger(self.encoder, len(self.labels), run=self.run, dropout=settings.dropout, device=self.device)

    def straightforward(self, settings: OptimizerSettings) -> straightforward.Training:
        """Return the straightforward loop's model with initial weights."""
        return straightforward.Training.start(self.encoder, len(self.labels), settings, self.run, self.device)


@dataclass(kw_only=True)
class Speeds:
    """Measurements of each counted round, in sentences per second, and the shares of padding, in 0..1.

    trainer: empty if Trainer was not measured. flops: operations per second of our steps. rates: operations per second
    of each of `products`.
    """

    products: tuple[Product, ...]
    padding: float
    straightforward_padding: float
    trainer_padding: float = 0.0
    ours: list[float] = field(default_factory=list)
    straightforward: list[float] = field(default_factory=list)
    trainer: list[float] = field(default_factory=list)
    flops: list[float] = field(default_factory=list)
    rates: list[list[float]] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Our speed divided by the straightforward loop's, per round."""
        return _ratios(self.ours, self.straightforward)

    @property
    def trainer_ratios(self) -> list[float]:
        """Our speed divided by Trainer's, per round."""
        return _ratios(self.ours, self.trainer)

    @property
    def shares(self) -> list[float]:
        """Operations per second of our steps divided by those of the fastest product, per round."""
        return _ratios(self.flops, [max(rates) for rates in self.rates])


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def teacher_task(bench: Bench) -> TeacherTask:
    """Return the task of a teacher's steps."""
    return TeacherTask(settings=TEACHER, run=bench.run, train=bench.source_text)


def student_task(bench: Bench, outputs: Path) -> tuple[StudentTask, float]:
    """Return the task of a student's steps, and the seconds for storing its teacher's outputs at `outputs`."""
    source, target = bench.source_text, bench.target_text
    seconds = _store_outputs(bench, outputs, target, source)
    teacher = load_outputs(outputs, bench.device)
    task = StudentTask(settings=STUDENT, run=bench.run, target=target, source=source, teacher=teacher, dev={})
    return task, seconds


def spread_steps(bench: Bench, task: Task[Step], lengths: Int64) -> SpreadSteps[Step]:
    """Return the steps of a round. lengths (S,): tokens of the sentences that a step's first array indexes."""
    return SpreadSteps(task, lambda step: int(lengths[step[0]].sum()), bench.steps)


def teacher_speeds(bench: Bench, task: TeacherTask, trainer: TrainerRounds | None) -> Speeds:
    """Measure teacher steps of our loop, the straightforward loop and, if given, Trainer."""
    theirs = bench.straightforward(TEACHER)
    batches = straightforward.padded_batches(bench.source.train, load_tokenizer(bench.encoder), bench.labels, bench.run)
    return _speeds(
        bench,
        task,
        TEACHER,
        task.train.lengths,
        lambda shape, step: training_flops(shape, task.train.lengths[step[0]], terminals=True),
        lambda: straightforward.teacher_step(theirs, next(batches), TEACHER),
        trainer,
    )


def student_speeds(bench: Bench, task: StudentTask) -> Speeds:
    """Measure student steps of our loop and the straightforward loop."""
    theirs, teacher = bench.straightforward(STUDENT), bench.straightforward(TEACHER).model
    tokenizer = load_tokenizer(bench.encoder)
    targets = straightforward.padded_batches(bench.target.train, tokenizer, bench.labels, bench.run)
    sources = straightforward.padded_batches(bench.source.train, tokenizer, bench.labels, bench.run)
    return _speeds(
        bench,
        task,
        STUDENT,
        task.target.lengths,
        lambda shape, step: student_flops(shape, task, step),
        lambda: straightforward.student_step(theirs, teacher, next(targets), next(sources), STUDENT),
        None,
    )


def student_flops(shape: TaggerShape, task: StudentTask, step: tuple[Int64, Int64]) -> float:
    """Count the operations of a student's step, whose terminals run only on the target sentences."""
    target = training_flops(shape, task.target.lengths[step[0]], terminals=True)
    return target + training_flops(shape, task.source.lengths[step[1]], terminals=False)


def _store_outputs(bench: Bench, outputs: Path, target: TextTensors, source: TextTensors) -> float:
    """Store the teacher's outputs, as a search does once for all its students, and return the seconds."""
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
    flops: Callable[[TaggerShape, Step], float],
    their_step: Callable[[], float],
    trainer: TrainerRounds | None,
) -> Speeds:
    """Run rounds of our steps, one step of theirs, Trainer's and products. Speeds count a step's first sentences."""
    spread = spread_steps(bench, task, lengths)
    tagger = bench.tagger(settings)
    shape = TaggerShape.of(tagger)
    batches = [step[0] for step in task.steps(1)]
    tokens = int(statistics.median(len(batch) * int(lengths[batch].max()) for batch in batches))
    speeds = Speeds(
        products=encoder_products(tokens, shape.width, bench.square),
        padding=padding_share(lengths, batches),
        straightforward_padding=1.0 - float(lengths.mean()) / bench.run.max_length,
        trainer_padding=0.0 if trainer is None else trainer.padding,
    )

    def report(epoch: EpochRecord) -> None:
        steps, seconds = spread.steps(epoch.epoch), epoch.metrics["time/train_seconds"]
        found = [
            sum(len(step[0]) for step in steps) / seconds,
            bench.run.batch_size / _timed(their_step),
            *([] if trainer is None else [_nondeterministic(trainer.sentences_per_second)]),
        ]
        rates = [product.rate(bench.run.precision, bench.device) for product in speeds.products]
        print(f"  round {epoch.epoch - 1}: {', '.join(f'{speed:.4g}' for speed in found)} sentences/s", flush=True)
        if epoch.epoch > 1:
            for column, speed in zip((speeds.ours, speeds.straightforward, speeds.trainer), found, strict=False):
                column.append(speed)
            speeds.flops.append(sum(flops(shape, step) for step in steps) / seconds)
            speeds.rates.append(rates)

    with tempfile.TemporaryDirectory() as directory:
        train(
            tagger,
            spread,
            optimizer_settings=settings,
            run=bench.run,
            directory=TrainingDirectory(path=Path(directory), keep=lambda _: []),
            device=bench.device,
            report=report,
        )
    return speeds


def _timed(step: Callable[[], float]) -> float:
    """Return the seconds of one step of the straightforward loop."""
    started = time.perf_counter()
    _nondeterministic(step)  # returns the loss as a number, which waits for a GPU
    return time.perf_counter() - started


def _nondeterministic(measure: Callable[[], float]) -> float:
    """Measure without torch's deterministic algorithms, which only our loop requires."""
    torch.use_deterministic_algorithms(False)
    try:
        return measure()
    finally:
        torch.use_deterministic_algorithms(True)
