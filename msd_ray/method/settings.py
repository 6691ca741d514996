"""What a training is told: frozen values, the paper's as defaults (its section 5.4)."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Precision = Literal["fp32", "bf16"]
Pairing = Literal["length", "random"]
LossMean = Literal["batch", "epoch"]
DropoutMasks = Literal["torch", "fast"]
FrozenPrefix = Literal["train", "once"]
SelectOn = Literal["target", "source", "none"]
"""What chooses epochs and configurations, see `selection`."""


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """AdamW with linear warm-up and decay.

    learning_rate: peak. head_learning_rate, omega_learning_rate: the rates of the terminals and of omega, as factors of
    it. weight_decay: not on biases, LayerNorm and layer weights. warmup: share of all steps. dropout: in the encoder,
    attention and terminals.
    """

    learning_rate: float
    head_learning_rate: float = 1.0
    omega_learning_rate: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    dropout: float = 0.1


@dataclass(frozen=True, kw_only=True)
class TeacherSettings(OptimizerSettings):
    """alpha: weight of the auxiliary channels, Eq. 10.

    mmd: weight of the MMD between the teacher's own [CLS] on source and target sentences: the implicit transfer that
    the paper's section 5.6.3 compares with; 0 in MSD.
    """

    learning_rate: float = 5e-5
    alpha: float = 0.05
    mmd: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StudentSettings(OptimizerSettings):
    """beta: weight of the auxiliary channels, Eq. 12; alpha_prime, beta_prime: of the two MMD losses, Eq. 15.

    init: where the student starts: at the pre-trained encoder, as in the paper, or at its teacher.
    kd_loss: what Eq. 11 measures: the squared error of the probabilities, as in the paper, or their cross entropy.
    temperature: of the soft labels, p^(1/temperature) normalised: below 1 sharper, above 1 flatter.
    confidence: words whose soft label of the main channel has no probability as large as this carry no loss; 0: none.
    rounds: of self-training; the student of a round is the teacher of the next.
    auxiliary: what the channels below the main one learn from. Gold labels are those of the target's training
    sentences: a control that is not zero-shot (`variants`).
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
    """What every training of a study shares, and the seed.

    frozen_layers: lowest layers that are not trained, beside the embeddings. max_length: tokens a sentence.
    clip: largest gradient norm. precision: of the matrix products; the weights are fp32 always.
    average_epochs: the mean of the weights of the last so many epochs is one more candidate, the epoch after the last;
    1: no such candidate. pairing: how the MMD's batches of source sentences are chosen (`features.paired_batches`).
    loss_mean: whether a batch's loss is divided by its own number of labelled words, or by the epoch's mean number,
    with which a word weighs the same in batches of short and of long sentences.
    dropout_masks: torch's own, or on processors those of `model.dropout`, which are drawn faster.
    frozen_prefix: whether the embeddings and the frozen layers run in each step, with dropout, or `once` for a corpus,
    without (see `frozen`).
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

    @property
    def candidates(self) -> int:
        """How many records a training has when it is complete: its epochs, and the mean of the last ones."""
        return self.epochs + (self.average_epochs > 1)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All hyperparameters of a tagger: a student learns from the mean of the soft labels of its teachers.

    teachers: at least one, the best first. student: None where the (one) teacher itself tags the target.
    """

    teachers: tuple[TeacherSettings, ...]
    student: StudentSettings | None

    def to_json(self) -> dict[str, Any]:
        """As nested plain values."""
        return {
            "teachers": [to_json(teacher) for teacher in self.teachers],
            "student": None if self.student is None else to_json(self.student),
        }

    @property
    def zero_shot(self) -> bool:
        """Whether no label of the target's training sentences reaches it."""
        return self.student is None or self.student.auxiliary == "soft labels"

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:8]


def to_json(settings: OptimizerSettings | RunSettings) -> dict[str, Any]:
    """Settings as plain values, for digests and records."""
    return asdict(settings)
