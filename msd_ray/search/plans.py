"""Messages between driver and workers, as frozen values: trial plans, launches and reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.decoding import Decode
from msd_ray.method.settings import Configuration, RunSettings, SelectOn
from msd_ray.storage.layout import Storage

Phase = Literal["teacher", "student", "confirm", "final"]
Split = Literal["test", "dev"]


@dataclass(frozen=True, kw_only=True)
class Corpora:
    """The encoded corpora of a study, by their keys below `features/` in the storage.

    Args:
        label_names: (C,) names of the classes.
        pad_id: id of the encoder's padding token.
        source_train: labelled.
        target_train: unlabelled.
        dev: labelled sentences that score trials, in the language of `Experiment.select_on`.
        final_dev: labelled sentences that score final runs.
    """

    label_names: tuple[str, ...]
    pad_id: int
    source_train: str
    target_train: str
    dev: str
    final_dev: str


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What all trials of a study share.

    Args:
        storage: artifacts.
        encoder: the pre-trained encoder.
        corpora: keys of the encoded corpora.
        select_on: the dev set that selects epochs and ranks trials.
        decode: decoding method, see `method.decoding`.
        study: name of the study, for the storage's records of use; None: use is not recorded.
    """

    storage: Storage
    encoder: EncoderFiles
    corpora: Corpora
    select_on: SelectOn = "target"
    decode: Decode = "argmax"
    study: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a final run is scored on. Only here does a trial get access to test labels.

    Args:
        split: `test`, or `dev` for a corpus without a test file.
        features: key of the labelled sentences and of their words.
        source: the same for the source language, for runs without a student (Table 5 of the paper).
        lang: `source` if the target has no labels, and these are sentences of the source.
    """

    split: Split
    features: str
    source: "Scored | None" = None
    lang: Literal["target", "source"] = "target"


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """One trial or final run.

    Args:
        phase: the phase.
        number: number of the trial in its phase's study.
        run: settings of the study, and the seed.
        configurations: what is trained. Several ones: the students' weights are averaged, so they must start from the
            same weights.
        scored: what the run is scored on; None except in the final phase.
        target_gold: key of the target's training sentences with gold labels; None except for the control `gold-aux`.
    """

    phase: Phase
    number: int
    run: RunSettings
    configurations: tuple[Configuration, ...]
    scored: Scored | None = None
    target_gold: str | None = None

    @property
    def records(self) -> int:
        """Number of epochs it reports: over all rounds of its student, averages of last epochs included."""
        first, *others = self.configurations
        if others:
            return 1
        if first.student is None:
            return self.run.of_teacher.candidates
        return self.run.of_student.candidates * first.student.rounds

    @property
    def key(self) -> str:
        """The trial's name in its study, such as `student/7`."""
        return f"{self.phase}/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What one start of workers runs: one trial, or the final runs of one seed, in order."""

    experiment: Experiment
    trials: tuple[TrialPlan, ...]
    threads: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an attempt at a launch failed: the reason in one line, and details such as the traceback.

    preempted: whether its node was reclaimed with a warning, which does not count as a failure.
    """

    reason: str
    details: str
    preempted: bool = False


@dataclass(frozen=True, kw_only=True)
class TrialReport:
    """Progress report of a trial.

    Args:
        number: number of the trial.
        stage: what the trial is doing, for display.
        epoch: epoch of the training that the trial is scored by; None for other reports.
        timestamp_ms: Unix time of the epoch's or the trial's end.
        metrics: of the epoch, or of the trial if `finished`.
        tags: of the finished trial's run.
        warning: message for the user.
        finished: whether the trial has ended.
        reason: why it failed; None if it did not.
        files: directory of result files, relative to the storage's root, that are stored with the run.
    """

    number: int
    stage: str
    epoch: int | None = None
    timestamp_ms: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    warning: str | None = None
    finished: bool = False
    reason: str | None = None
    files: str | None = None

    def to_result(self) -> dict[str, Any]:
        """The report as a result for Ray Tune, under one key that Tune does not use."""
        return {"report": self}
