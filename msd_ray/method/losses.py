"""The teacher's and the student's losses over all channels (Eq. 8-12 and 15).

Shapes: K channels, the last one the main channel; B sentences, T tokens, C classes. Softmax and losses
are computed in float32 whatever the logits' dtype, also inside autocast (float64 stays float64).

All three are means over labelled tokens. The other positions are masked, not gathered: gathering needs
their number on the host, so that a GPU would have to finish its queue in every step. Nothing here waits
for the device; what is returned for logging are detached tensors, to be read when convenient.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor

KdLoss = Literal["mse", "soft-cross-entropy"]
IGNORED = -100
"""Label of the positions without loss: special tokens, padding, all but a word's first piece."""


@dataclass(frozen=True, kw_only=True)
class TeacherLoss:
    """The teacher's loss on one batch; all but `total` are detached."""

    total: Tensor
    """L_tea (Eq. 10), (), differentiable."""
    main: Tensor
    """L_main (Eq. 8), ()."""
    auxiliary: Tensor
    """L_aux (Eq. 9), the weighted sum before alpha, ()."""
    channels: Tensor
    """Cross entropy of each channel, (K,)."""


@dataclass(frozen=True, kw_only=True)
class DistillationLoss:
    """The student's distillation loss on one batch; all but `total` are detached."""

    total: Tensor
    """L_stu (Eq. 12), (), differentiable."""
    main: Tensor
    """L_main^KD (Eq. 12), ()."""
    auxiliary: Tensor
    """L_aux^KD (Eq. 12), the weighted sum before beta, ()."""
    channels: Tensor
    """L_m^KD of each channel (Eq. 11), (K,)."""


@dataclass(frozen=True, kw_only=True)
class StudentLoss:
    """The student's whole loss on one batch; all but `total` are detached."""

    total: Tensor
    """L_final (Eq. 15), (), differentiable."""
    distillation: Tensor
    """L_stu (Eq. 12), ()."""
    mmd_model: Tensor
    """Cross-model MMD^2 (Eq. 13) before its weight, ()."""
    mmd_language: Tensor
    """Cross-language MMD^2 (Eq. 14) before its weight, ()."""
    channels: Tensor
    """L_m^KD of each channel (Eq. 11), (K,)."""


def layer_weights(omega: Tensor) -> Tensor:
    """The auxiliary channels' weights lambda (Eq. 9, 12) from trainable omega, (K-1,) -> (K-1,), sum 1.

    The paper trains lambda without a constraint. The losses that it multiplies are positive, so gradient
    descent would lower the total by sending lambda towards minus infinity; the softmax takes that way out
    and leaves the choice of how much each layer contributes.
    """
    return torch.softmax(_full_precision(omega), dim=0)


def teacher_loss(
    logits: Tensor, labels: Tensor, layer_weights: Tensor, alpha: float, *, count: Tensor | None = None
) -> TeacherLoss:
    """Cross entropy of every channel with the gold labels, L_main + alpha * L_aux (Eq. 8-10).

    Args:
        logits: (K, B, T, C), any floating dtype.
        labels: (B, T) int64 class indices, `IGNORED` (-100) where there is no loss.
        layer_weights: (K-1,) already normalised weights of the auxiliary channels, see `layer_weights`.
        alpha: weight of the auxiliary channels.
        count: () number of labelled tokens to divide by; default: those of this batch. Data-parallel workers
            pass the count over all of them, then their losses add up to the loss of the whole batch
            (where gradients are averaged, as DDP does, pass that count divided by the number of workers).

    A batch without a labelled token has loss zero.

    Raises:
        ValueError: shapes do not fit.
    """
    _check_channels(logits, layer_weights)
    per_channel = _cross_entropies(logits, labels, count)
    total, main, auxiliary = _weigh_channels(per_channel, layer_weights, alpha)
    return TeacherLoss(total=total, main=main, auxiliary=auxiliary, channels=per_channel.detach())


def sharpened(probabilities: Tensor, temperature: float) -> Tensor:
    """Soft labels p^(1/temperature), normalised over the last axis; the very same ones at temperature 1.

    Self-training sharpens what a round's student has learned (temperature below 1) for the next round. Equal to the
    softmax of the teacher's logits divided by the temperature (Hinton et al. 2015, arXiv 1503.02531), which were not
    stored.

    Raises:
        ValueError: the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature must be positive, got {temperature}")
    if temperature == 1.0:
        return probabilities
    return torch.softmax(_full_precision(probabilities).log() / temperature, dim=-1)


def distillation_loss(
    logits: Tensor,
    teacher_probs: Tensor,
    mask: Tensor,
    layer_weights: Tensor,
    beta: float,
    *,
    kd_loss: KdLoss = "mse",
    count: Tensor | None = None,
) -> DistillationLoss:
    """Distance of every channel's probabilities from the teacher's, main + beta * aux (Eq. 11-12).

    `mse`, the paper's, is the mean over classes of the squared errors of the softmax outputs;
    `soft-cross-entropy` is -sum over classes of teacher_probs * log(softmax(logits)). Both are means over
    labelled tokens. Eq. 12's second line lacks beta; its first line and the text have it, and so does this.

    Args:
        logits: (K, B, T, C) the student's, any floating dtype.
        teacher_probs: (K, B, T, C) soft labels, any floating dtype, no gradient; where `mask` is false they
            may hold anything, NaN included.
        mask: (B, T) bool, true for the labelled tokens.
        layer_weights: (K-1,) already normalised weights lambda' of the auxiliary channels.
        beta: weight of the auxiliary channels.
        kd_loss: see above.
        count: as in `teacher_loss`.

    Raises:
        ValueError: shapes do not fit.
    """
    _check_channels(logits, layer_weights)
    per_channel = _distances(logits, teacher_probs, mask, kd_loss, count)
    total, main, auxiliary = _weigh_channels(per_channel, layer_weights, beta)
    return DistillationLoss(total=total, main=main, auxiliary=auxiliary, channels=per_channel.detach())


def gold_auxiliary_loss(
    logits: Tensor,
    teacher_probs: Tensor,
    labels: Tensor,
    mask: Tensor,
    layer_weights: Tensor,
    beta: float,
    *,
    kd_loss: KdLoss = "mse",
    count: Tensor | None = None,
) -> DistillationLoss:
    """`distillation_loss` with gold labels in the auxiliary channels: NOT zero-shot, a control and no part of MSD.

    The main channel learns from the teacher as in Eq. 11; the others by cross entropy with the target's gold labels
    (Eq. 9 on target sentences), which is what the authors' released student code does.

    Args:
        logits: (K, B, T, C) the student's, any floating dtype.
        teacher_probs: (K, B, T, C) soft labels; the last channel's are used.
        labels: (B, T) int64 gold class indices, `IGNORED` where there is no loss.
        mask: (B, T) bool, true for the labelled tokens.
        layer_weights: (K-1,) already normalised weights lambda' of the auxiliary channels.
        beta: weight of the auxiliary channels.
        kd_loss: as in `distillation_loss`, of the main channel.
        count: as in `teacher_loss`.

    Raises:
        ValueError: shapes do not fit.
    """
    _check_channels(logits, layer_weights)
    distilled = _distances(logits[-1:], teacher_probs[-1:], mask, kd_loss, count)
    per_channel = torch.cat([_cross_entropies(logits[:-1], labels, count), distilled])
    total, main, auxiliary = _weigh_channels(per_channel, layer_weights, beta)
    return DistillationLoss(total=total, main=main, auxiliary=auxiliary, channels=per_channel.detach())


def student_loss(
    distillation: DistillationLoss,
    mmd_model: Tensor,
    mmd_language: Tensor,
    alpha_prime: float,
    beta_prime: float,
) -> StudentLoss:
    """Distillation and domain adaptation, L_stu + alpha' * MMD_M + beta' * MMD_L (Eq. 15).

    Args:
        distillation: the result of `distillation_loss` on the batch of target sentences.
        mmd_model: () `mmd2` of the teacher's and the student's [CLS] on source sentences (Eq. 13).
        mmd_language: () `mmd2` of the teacher's on source and the student's on target sentences (Eq. 14).
        alpha_prime: weight of `mmd_model`.
        beta_prime: weight of `mmd_language`.
    """
    return StudentLoss(
        total=distillation.total + alpha_prime * mmd_model + beta_prime * mmd_language,
        distillation=distillation.total.detach(),
        mmd_model=mmd_model.detach(),
        mmd_language=mmd_language.detach(),
        channels=distillation.channels,
    )


def _cross_entropies(logits: Tensor, labels: Tensor, count: Tensor | None) -> Tensor:
    """Mean cross entropy of each channel (K, B, T, C) with the labels (B, T), (K,)."""
    channels, batch, tokens, classes = logits.shape
    _expect("labels", labels, (batch, tokens))
    losses = F.cross_entropy(
        _full_precision(logits).reshape(-1, classes),
        labels.expand(channels, -1, -1).reshape(-1),
        ignore_index=IGNORED,
        reduction="none",
    ).view(channels, batch * tokens)
    return losses.sum(dim=1) / _denominator(labels != IGNORED, count)


def _distances(logits: Tensor, teacher_probs: Tensor, mask: Tensor, kd_loss: KdLoss, count: Tensor | None) -> Tensor:
    """Mean distance of each channel's probabilities (K, B, T, C) from the teacher's, (K,) (Eq. 11)."""
    channels, batch, tokens, classes = logits.shape
    _expect("teacher_probs", teacher_probs, (channels, batch, tokens, classes))
    _expect("mask", mask, (batch, tokens))
    if kd_loss == "soft-cross-entropy":
        # Masked before the product: after it, a NaN among the unlabelled would come back through the gradient.
        targets = teacher_probs.detach().masked_fill(~mask[None, :, :, None], 0.0)
        products = targets * F.log_softmax(_full_precision(logits), dim=-1)
        return -products.sum(dim=(1, 2, 3)) / _denominator(mask, count)
    difference = _full_precision(logits).softmax(dim=-1) - teacher_probs.detach()
    # Masked before the square: after it, a NaN among the unlabelled would come back through the gradient.
    difference = difference.masked_fill(~mask[None, :, :, None], 0.0)
    return difference.square().sum(dim=(1, 2, 3)) / (classes * _denominator(mask, count))


def _weigh_channels(per_channel: Tensor, weights: Tensor, auxiliary_weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """Total (differentiable), main and auxiliary loss (detached) from the channels' losses, (K,)."""
    main = per_channel[-1]
    # Not a matrix product: autocast would round that to half precision.
    auxiliary = (weights * per_channel[:-1]).sum()
    return main + auxiliary_weight * auxiliary, main.detach(), auxiliary.detach()


def _denominator(labelled: Tensor, count: Tensor | None) -> Tensor:
    """Number of labelled tokens; one where there are none and the sums above it are zero."""
    count = labelled.sum() if count is None else count
    return torch.where(count > 0, count, 1)


def _full_precision(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _check_channels(logits: Tensor, weights: Tensor) -> None:
    if logits.ndim != 4 or logits.shape[0] == 0:
        raise ValueError(f"logits must be (K, B, T, C) with K >= 1, got {tuple(logits.shape)}")
    _expect("layer_weights", weights, (logits.shape[0] - 1,))


def _expect(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Check a shape that broadcasting would otherwise bend into a wrong loss."""
    if tensor.shape != shape:
        raise ValueError(f"{name} must have shape {shape} to fit the logits, got {tuple(tensor.shape)}")
