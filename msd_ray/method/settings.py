"""Hyperparameters as frozen dataclasses; the defaults are the paper's (section 5.4) unless noted."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Precision = Literal["fp32", "bf16"]
Pairing = Literal["length", "random"]
LossMean = Literal["batch", "epoch"]
DropoutMasks = Literal["torch", "fast"]
FrozenPrefix = Literal["train", "once"]
SelectOn = Literal["target", "source", "none"]
"""The dev set that chooses epochs and ranks trials. The paper selects on the target's.

"none" ranks trials on the source's dev set and always takes the last epoch. Dev labels of the other language are
not read.
"""


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """AdamW with linear warm-up and linear decay to 0.

    Args:
        learning_rate: peak learning rate of the encoder.
        head_learning_rate: learning rate of the channel terminals, as a factor of `learning_rate`.
        omega_learning_rate: learning rate of omega (`losses.layer_weights`), as a factor of `learning_rate`.
        weight_decay: applies to matrices only: not to biases, LayerNorm or omega.
        warmup: share of all steps, 0..1.
        dropout: probability, 0 <= p < 1, in the encoder, its attention weights and the terminals.
    """

    learning_rate: float
    head_learning_rate: float = 1.0
    omega_learning_rate: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    dropout: float = 0.1


@dataclass(frozen=True, kw_only=True)
class TeacherSettings(OptimizerSettings):
    """Hyperparameters of a teacher.

    Args:
        learning_rate: see `OptimizerSettings`.
        alpha: weight of the auxiliary channels (Eq. 10).
        mmd: weight of the MMD between the teacher's [CLS] vectors of source and target sentences: the implicit
            transfer of section 5.6.3 (`TSL w. MMD`). MSD has none: 0.
    """

    learning_rate: float = 5e-5
    alpha: float = 0.05
    mmd: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StudentSettings(OptimizerSettings):
    """Hyperparameters of a student.

    Args:
        learning_rate: see `OptimizerSettings`.
        beta: weight of the auxiliary channels (Eq. 12).
        alpha_prime: weight of the cross-model MMD (Eq. 15).
        beta_prime: weight of the cross-language MMD (Eq. 15).
        init: initial weights: the pre-trained encoder's, as in the paper, or the teacher's.
        kd_loss: the distance in Eq. 11: squared error, as in the paper, or cross entropy with the soft labels.
        temperature: soft labels become p^(1/temperature), normalised: below 1 sharper, above 1 flatter.
        confidence: minimum of the largest probability in the main channel's soft label, 0..1. Words below it
            carry no loss. 0: all words do.
        rounds: rounds of self-training; the student of a round is the teacher of the next.
        auxiliary: targets of the auxiliary channels. "gold labels" are those of the target's training sentences:
            a control that is not zero-shot (`gold-aux` in `variants`).
    """

    learning_rate: float = 2e-5
    beta: float = 0.05
    alpha_prime: float = 0.001
    beta_prime: float = 0.001
    init: Literal["encoder", "teacher"] = "encoder"
    kd_loss: Literal["mse", "soft-cross-entropy"] = "mse"
    temperature: float = 1.0
    confidence: float = 0.0
    rounds: int = 1
    auxiliary: Literal["soft labels", "gold labels"] = "soft labels"


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Settings that all trainings of a study share, and the seed.

    Args:
        seed: seed of initial weights, data order and dropout.
        epochs: passes over the training sentences.
        student_epochs: a student's passes over the target text; None: as many as `epochs`.
        batch_size: sentences per batch, over all workers.
        max_length: tokens per sentence, special tokens included; the rest is cut off.
        frozen_layers: lowest encoder layers that are not trained; the embeddings never are.
        clip: maximum gradient norm.
        precision: of matrix multiplications; trained weights are always fp32.
        average_epochs: above 1, the mean of the weights of the last `average_epochs` epochs is one more candidate,
            numbered as the epoch after the last.
        pairing: how MMD batches of source sentences are chosen (`data.batches.paired_batches`).
        loss_mean: what a batch's loss is divided by: its own number of labelled words, or the epoch's mean number,
            so that words of short and of long sentences weigh the same.
        dropout_masks: drawn by torch, or faster by `method.dropout` (on CPUs only).
        frozen_prefix: "train" runs embeddings and frozen layers in every step, with dropout, as in the paper; "once"
            computes them once per corpus, without dropout (`method.frozen`).
    """

    seed: int = 0
    epochs: int = 10
    batch_size: int = 32
    max_length: int = 128
    frozen_layers: int = 3
    clip: float = 1.0
    precision: Precision = "fp32"
    average_epochs: int = 1
    pairing: Pairing = "length"
    loss_mean: LossMean = "batch"
    dropout_masks: DropoutMasks = "torch"
    frozen_prefix: FrozenPrefix = "train"
    student_epochs: int | None = None

    @property
    def of_teacher(self) -> "RunSettings":
        """The settings of a teacher's training."""
        return replace(self, student_epochs=None)

    @property
    def of_student(self) -> "RunSettings":
        """The settings of a student's training: its own number of epochs, of which at most all are averaged."""
        epochs = self.student_epochs or self.epochs
        average = min(self.average_epochs, epochs)
        return replace(self, epochs=epochs, average_epochs=average, student_epochs=None)

    @property
    def candidates(self) -> int:
        """Number of records of a complete training: its epochs, and the mean of the last ones if configured."""
        return self.epochs + (self.average_epochs > 1)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All hyperparameters of a tagger.

    Args:
        teachers: at least one, the best first; a student learns from the mean of their soft labels.
        student: None if the (only) teacher tags the target language itself.
    """

    teachers: tuple[TeacherSettings, ...]
    student: StudentSettings | None

    def to_json(self) -> dict[str, Any]:
        """The configuration as nested plain values."""
        return {
            "teachers": [to_json(teacher) for teacher in self.teachers],
            "student": None if self.student is None else to_json(self.student),
        }

    @property
    def zero_shot(self) -> bool:
        """Whether no gold label of the target's training sentences is used."""
        return self.student is None or self.student.auxiliary == "soft labels"

    @property
    def digest(self) -> str:
        """Hash of the configuration, eight hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:8]


def to_json(settings: OptimizerSettings | RunSettings) -> dict[str, Any]:
    """Settings as plain values, for hashes and records.

    What is None is left out: hashes and records from before a setting existed stay valid.
    """
    return {name: value for name, value in asdict(settings).items() if value is not None}


def dev_language(select_on: SelectOn) -> Literal["target", "source"]:
    """The language whose dev set scores trials; with "none" the source."""
    return "target" if select_on == "target" else "source"


def dev_metric(select_on: SelectOn) -> str:
    """The metric that ranks trials, F1 in 0..1: `dev_target/f1` or `dev_source/f1`."""
    return f"dev_{dev_language(select_on)}/f1"
