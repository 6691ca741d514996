"""What a training is told: frozen values, the paper's as defaults (its section 5.4)."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Precision = Literal["fp32", "bf16"]
DropoutMasks = Literal["torch", "fast"]


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """AdamW with linear warm-up and decay.

    learning_rate: peak. weight_decay: not on biases, LayerNorm and layer weights. warmup: share of all steps.
    dropout: in the encoder, attention and terminals.
    """

    learning_rate: float
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
    auxiliary: what the channels below the main one learn from. Gold labels are those of the target's training
    sentences: a control that is not zero-shot (`variants`).
    """

    learning_rate: float = 2e-5
    beta: float = 0.05
    alpha_prime: float = 0.001
    beta_prime: float = 0.001
    init: Literal["encoder", "teacher"] = "encoder"
    auxiliary: Literal["soft labels", "gold labels"] = "soft labels"


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every training of a study shares, and the seed.

    frozen_layers: lowest layers that are not trained, beside the embeddings. max_length: tokens a sentence.
    clip: largest gradient norm. precision: of the matrix products; the weights are fp32 always.
    dropout_masks: torch's own, or on processors those of `model.dropout`, which are drawn faster.
    """

    seed: int = 0
    epochs: int = 10
    batch_size: int = 32
    max_length: int = 128
    frozen_layers: int = 3
    clip: float = 1.0
    precision: Precision = "fp32"
    dropout_masks: DropoutMasks = "torch"


def to_json(settings: OptimizerSettings | RunSettings) -> dict[str, Any]:
    """Settings as plain values, for digests and records."""
    return asdict(settings)
