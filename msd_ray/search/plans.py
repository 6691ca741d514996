"""What a trial is told: plain frozen values that travel from the driver to the workers, and what comes back."""

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
    """The encoded corpora of a study, by their keys in the storage's features.

    label_names (C): a class's name. pad_id: the encoder's padding token. target_train is unlabelled text. dev: the
    labelled sentences that score trials, of the language that `Experiment.select_on` says; final_dev: those that score
    final runs.
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

    select_on: what chooses epochs and ranks trials. decode: how labels are made of scores. study: its name, under which
    the storage notes what was used; None notes nothing.
    """

    storage: Storage
    encoder: EncoderFiles
    corpora: Corpora
    select_on: SelectOn = "target"
    decode: Decode = "argmax"
    study: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a final run is scored on: the only place where a trial is told of test labels.

    split: `test`, or `dev` for a corpus without test file. features: the key of the labelled sentences and, where
    predictions are to be read by people, of their words. source: the same of the source language, for the runs
    without a student (the paper's Table 5). lang: `source` if the target has no labels, and these are the source's.
    """

    split: Split
    features: str
    source: "Scored | None" = None
    lang: Literal["target", "source"] = "target"


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """One trial or final run.

    number: the trial's in its phase's study. configurations: what is trained; of several, whose students start with
    the same weights, the mean of the students' weights is what counts. scored: in the final phase alone. target_gold:
    the key of the target's training sentences with their gold labels, for the control `gold-aux` alone.
    """

    phase: Phase
    number: int
    run: RunSettings
    configurations: tuple[Configuration, ...]
    scored: Scored | None = None
    target_gold: str | None = None

    @property
    def records(self) -> int:
        """How many epochs it reports: of all rounds of its student, the averages of last epochs counted."""
        first, *others = self.configurations
        if others:
            return 1
        return self.run.candidates * (1 if first.student is None else first.student.rounds)

    @property
    def key(self) -> str:
        """A trial's name in its study, as `student/7`; final runs have more telling ones beside it."""
        return f"{self.phase}/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What one start of workers does: one trial, or the final runs of one seed, in order."""

    experiment: Experiment
    trials: tuple[TrialPlan, ...]
    threads: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What an attempt at a launch died of. reason: one line. details: the traceback, or what else there is to read."""

    reason: str
    details: str


@dataclass(frozen=True, kw_only=True)
class TrialReport:
    """News of a trial.

    stage: what is being done, for people. warning: to be shown to them. epoch: of the trial's own training, None for
    other news.
    metrics: the epoch's, or with `finished` the trial's results. reason: why a finished trial failed.
    files: a directory of results below the storage's root, to be kept with the run.
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
        """The report as Ray Tune's result; its own keys stay apart from Tune's."""
        return {"report": self}
