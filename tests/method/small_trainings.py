"""Trainings of seconds: a tiny encoder on short sentences of the sample corpus."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import Tensor

from msd_ray.data.catalogue import label_names
from msd_ray.data.encode import EncodedSentences, EncodedText, encode_sentences, encode_text
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.load import load_source, load_target
from msd_ray.data.sentences import Sentence
from msd_ray.data.tensors import TextTensors
from msd_ray.method.build import build_tagger
from msd_ray.method.checkpoints import EpochRecord, TrainingDirectory, TrainingRecord, chosen_epoch
from msd_ray.method.device import autocast
from msd_ray.method.frozen import frozen_states
from msd_ray.method.loop import Report, Task, train
from msd_ray.method.outputs import TeacherOutputs, load_outputs, save_outputs
from msd_ray.method.scores import ScoredSet, dev_metrics
from msd_ray.method.settings import OptimizerSettings, RunSettings, SelectOn, StudentSettings, TeacherSettings
from msd_ray.method.student import StudentTask
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.teacher import TeacherTask
from msd_ray.method.within_epoch import Warned

Step = TypeVar("Step")

CPU = torch.device("cpu")
# Threads that wait for each other take a minute where other processes hold the processors.
THREADS = [1, *(pytest.param(several, marks=pytest.mark.slow) for several in (2, 4))]
LABELS = label_names("sample")
RUN = RunSettings(seed=3, epochs=3, batch_size=8, max_length=48, frozen_layers=2)
TEACHER = TeacherSettings(learning_rate=3e-3, alpha=0.2)
STUDENT = StudentSettings(learning_rate=3e-3, beta=0.5, alpha_prime=0.01, beta_prime=0.02)
# All optional settings of a training. The small teacher has this confidence for about half of the words.
ALL_RUN = replace(RUN, average_epochs=2, pairing="random", loss_mean="epoch")
ALL_TEACHER = replace(TEACHER, head_learning_rate=3.0, omega_learning_rate=10.0)
ALL_STUDENT = replace(
    STUDENT,
    head_learning_rate=3.0,
    omega_learning_rate=10.0,
    kd_loss="soft-cross-entropy",
    temperature=0.5,
    confidence=0.61,
)


@dataclass(frozen=True, kw_only=True)
class SmallCorpora:
    """English with labels, German without; a dev set of each. The encoder that they are encoded for."""

    encoder: EncoderFiles
    pad_id: int
    source: EncodedSentences
    source_dev: EncodedSentences
    target: EncodedText
    target_dev: EncodedSentences

    def teacher_task(self, settings: TeacherSettings = TEACHER, run: RunSettings = RUN) -> TeacherTask:
        return TeacherTask(settings=settings, run=run, train=self.tensors(self.source, run))

    def student_task(
        self, teacher: TeacherOutputs, settings: StudentSettings = STUDENT, run: RunSettings = RUN
    ) -> StudentTask:
        return StudentTask(
            settings=settings,
            run=run,
            target=self.tensors(self.target, run),
            source=self.tensors(unlabelled(self.source), run),
            teacher=teacher,
            dev={"target": self._scored(self.target_dev, run)},
        )

    def tagger(self, settings: OptimizerSettings = TEACHER, run: RunSettings = RUN) -> MultiChannelTagger:
        return build_tagger(self.encoder, len(LABELS), run=run, dropout=settings.dropout, device=CPU)

    def tensors(self, text: EncodedText, run: RunSettings = RUN) -> TextTensors:
        return TextTensors(text, self.pad_id, CPU, self._frozen_states(text, run))

    def _frozen_states(self, text: EncodedText, run: RunSettings) -> Tensor | None:
        if run.frozen_prefix == "train":
            return None
        with torch.inference_mode(), autocast(CPU, run.precision):
            states = frozen_states(self.tagger(run=run).eval(), TextTensors(text, self.pad_id, CPU), run.precision)
        return states.clone()  # no longer one of inference mode

    def source_scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """Scores on the source's dev set, which a teacher's study adds to its epochs."""
        model.eval()
        with torch.inference_mode():
            return dev_metrics(model, {"source": self._scored(self.source_dev)})

    def _scored(self, sentences: EncodedSentences, run: RunSettings = RUN) -> ScoredSet:
        states = self._frozen_states(sentences, run)
        return ScoredSet.load(sentences, LABELS, pad_id=self.pad_id, device=CPU, frozen_states=states)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A complete training and its reports."""

    model: MultiChannelTagger
    record: TrainingRecord
    reported: list[EpochRecord] = field(default_factory=list)

    @property
    def weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}


def small_corpora(encoder: EncoderFiles) -> SmallCorpora:
    tokenizer = load_tokenizer(encoder)
    english, german = load_source("sample", None), load_target("sample", "de", None)

    def labelled(sentences: tuple[Sentence, ...], count: int) -> EncodedSentences:
        short = [sentence for sentence in sentences if len(sentence.tokens) <= 9][:count]
        return encode_sentences(short, tokenizer, LABELS, max_length=RUN.max_length)

    texts = [text for text in german.train if len(text.tokens) <= 9][:40]
    assert isinstance(tokenizer.pad_token_id, int)
    return SmallCorpora(
        encoder=encoder,
        pad_id=tokenizer.pad_token_id,
        source=labelled(english.train, 50),
        source_dev=labelled(english.train, 24),
        target=encode_text(texts, tokenizer, max_length=RUN.max_length),
        target_dev=labelled(german.dev, 24),
    )


def unlabelled(text: EncodedText) -> EncodedText:
    return EncodedText(input_ids=text.input_ids, words=text.words, offsets=text.offsets, word_counts=text.word_counts)


def train_teacher(
    corpora: SmallCorpora,
    path: Path,
    *,
    settings: TeacherSettings = TEACHER,
    run: RunSettings = RUN,
    report: Report | None = None,
    warned: Warned | None = None,
) -> Trained:
    """Train a teacher, or resume the one in `path`; all epochs are retained."""
    task = corpora.teacher_task(settings, run)
    return _train(corpora, task, path, settings, run, report, warned, keep=lambda epochs: [e.epoch for e in epochs])


def train_student(
    corpora: SmallCorpora,
    outputs: TeacherOutputs,
    path: Path,
    *,
    settings: StudentSettings = STUDENT,
    run: RunSettings = RUN,
    report: Report | None = None,
    select_on: SelectOn = "target",
    warned: Warned | None = None,
) -> Trained:
    """Train a student, or resume the one in `path`; the epoch that `select_on` selects is retained."""
    task = corpora.student_task(outputs, settings, run)
    return _train(
        corpora, task, path, settings, run, report, warned, keep=lambda epochs: [chosen_epoch(epochs, select_on)]
    )


def _train(
    corpora: SmallCorpora,
    task: Task[Step],
    path: Path,
    settings: OptimizerSettings,
    run: RunSettings,
    report: Report | None,
    warned: Warned | None,
    *,
    keep: Callable[[tuple[EpochRecord, ...]], list[int]],
) -> Trained:
    reported: list[EpochRecord] = []

    def listen(record: EpochRecord) -> None:
        reported.append(record)
        if report is not None:
            report(record)

    model = corpora.tagger(settings, run)
    record = train(
        model,
        task,
        optimizer_settings=settings,
        run=run,
        directory=TrainingDirectory(path=path, keep=keep, resume_epochs=run.average_epochs),
        device=CPU,
        report=listen,
        warned=warned,
    )
    return Trained(model=model, record=record, reported=reported)


def save_teacher_outputs(
    corpora: SmallCorpora, teacher: MultiChannelTagger, directory: Path, run: RunSettings = RUN
) -> TeacherOutputs:
    """The teacher's outputs, stored and loaded."""
    teacher.eval()
    with torch.inference_mode(), autocast(CPU, run.precision):
        save_outputs(directory, teacher, corpora.tensors(corpora.target), corpora.tensors(corpora.source))
    return load_outputs(directory, CPU)


def killed_after(epoch: int) -> Report:
    """A listener that stops a training when this epoch is reported."""

    def report(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise KeyboardInterrupt

    return report


def untimed(record: EpochRecord) -> dict[str, float]:
    """An epoch's metrics without those that differ from run to run."""
    return {name: value for name, value in record.metrics.items() if not name.startswith("time/")}


def assert_same_weights(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    different = [name for name, value in found.items() if not torch.equal(value, expected[name])]
    assert different == []


def assert_same_epochs(found: TrainingRecord, expected: TrainingRecord) -> None:
    assert found.complete == expected.complete
    assert [(e.epoch, untimed(e)) for e in found.epochs] == [(e.epoch, untimed(e)) for e in expected.epochs]
