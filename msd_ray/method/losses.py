"""Losses of the teacher and the student over all channels (Eq. 8-12, 15).

Shapes: K channels, the last is the main channel; B sentences, T tokens, C classes. Softmax and losses are computed
in float32 whatever the dtype of the logits, also inside autocast (float64 stays float64).

All losses are means over labelled tokens. Other positions are masked instead of dropped: dropping needs their
number on the host, and a GPU would have to finish its queue in every step. Nothing here synchronises with the
device; the tensors for logging are detached.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor

KdLoss = Literal["mse", "soft-cross-entropy"]
IGNORED = -100
"""Label of positions without loss: special tokens, padding, all sub-tokens of a word but the first."""


@dataclass(frozen=True, kw_only=True)
class TeacherLoss:
    """The teacher's loss on one batch; all tensors but `total` are detached."""

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
    """The student's distillation loss on one batch; all tensors but `total` are detached."""

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
    """The student's full loss on one batch; all tensors but `total` are detached."""

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
    """Weights lambda (Eq. 9) or lambda' (Eq. 12) of the auxiliary channels: softmax(omega).

    The paper trains lambda without a constraint. The losses that it multiplies are positive, so gradient descent
    would drive lambda towards minus infinity. The softmax prevents that and leaves the relative weights to training.

    Args:
        omega: (K-1,) trained parameters.

    Returns:
        (K-1,), sum 1.
    """
    return torch.softmax(_full_precision(omega), dim=0)


def teacher_loss(
    logits: Tensor, labels: Tensor, layer_weights: Tensor, alpha: float, *, count: Tensor | None = None
) -> TeacherLoss:
    """Cross entropy of every channel with the gold labels: L_main + alpha * L_aux (Eq. 8-10).

    A batch without labelled tokens has loss zero.

    Args:
        logits: (K, B, T, C), any floating dtype.
        labels: (B, T) int64 class indices, `IGNORED` (-100) where there is no loss.
        layer_weights: (K-1,) normalised weights of the auxiliary channels, see `layer_weights`.
        alpha: weight of the auxiliary channels.
        count: () number of labelled tokens to divide by; default: those of this batch. Data-parallel workers
            pass the count over all workers; their losses then sum to the loss of the whole batch. (Where gradients
            are averaged, as DDP does, pass that count divided by the number of workers.)

    Raises:
        ValueError: shapes do not match.
    """
    _check_channels(logits, layer_weights)
    per_channel = _cross_entropies(logits, labels, count)
    total, main, auxiliary = _weigh_channels(per_channel, layer_weights, alpha)
    return TeacherLoss(total=total, main=main, auxiliary=auxiliary, channels=per_channel.detach())


def sharpened(probabilities: Tensor, temperature: float) -> Tensor:
    """Soft labels p^(1/temperature), normalised over the last axis; unchanged at temperature 1.

    Equals the softmax of the teacher's logits divided by the temperature (Hinton et al. 2015, arXiv:1503.02531), but
    needs the stored probabilities only. Self-training uses a temperature below 1.

    Args:
        probabilities: (..., C).
        temperature: > 0.

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
    """Distance between the student's and the teacher's probabilities: L_main + beta * L_aux (Eq. 11-12).

    `mse` (the paper) is the mean over classes of the squared differences of the softmax outputs;
    `soft-cross-entropy` is -sum over classes of teacher_probs * log(softmax(logits)). Both are means over labelled
    tokens. The second line of Eq. 12 lacks beta; its first line and the text have it, and so does this function.

    Args:
        logits: (K, B, T, C) of the student, any floating dtype.
        teacher_probs: (K, B, T, C) soft labels, any floating dtype, no gradient. Values where `mask` is false are
            ignored, NaN included.
        mask: (B, T) bool, true for labelled tokens.
        layer_weights: (K-1,) normalised weights lambda' of the auxiliary channels.
        beta: weight of the auxiliary channels.
        kd_loss: distance, see above.
        count: as in `teacher_loss`.

    Raises:
        ValueError: shapes do not match.
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
    """`distillation_loss` with gold labels in the auxiliary channels: NOT zero-shot, not part of MSD.

    The main channel learns from the teacher (Eq. 11). The auxiliary channels learn from the target's gold labels by
    cross entropy (Eq. 9 on target sentences), as the authors' released student code does.

    Args:
        logits: (K, B, T, C) of the student, any floating dtype.
        teacher_probs: (K, B, T, C) soft labels; only the last channel's are used.
        labels: (B, T) int64 gold class indices, `IGNORED` where there is no loss.
        mask: (B, T) bool, true for labelled tokens.
        layer_weights: (K-1,) normalised weights lambda' of the auxiliary channels.
        beta: weight of the auxiliary channels.
        kd_loss: distance of the main channel, as in `distillation_loss`.
        count: as in `teacher_loss`.

    Raises:
        ValueError: shapes do not match.
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
    """Distillation and domain adaptation: L_stu + alpha' * MMD_M + beta' * MMD_L (Eq. 15).

    Args:
        distillation: result of `distillation_loss` on a batch of target sentences.
        mmd_model: () `mmd2` of the teacher's and the student's [CLS] vectors of source sentences (Eq. 13).
        mmd_language: () `mmd2` of the teacher's [CLS] vectors of source sentences and the student's of target
            sentences (Eq. 14).
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
    """Mean cross entropy of each channel, (K,), of logits (K, B, T, C) with labels (B, T)."""
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
        # Mask before the product: after it, a NaN at an unlabelled token would reach the gradient.
        targets = teacher_probs.detach().masked_fill(~mask[None, :, :, None], 0.0)
        products = targets * F.log_softmax(_full_precision(logits), dim=-1)
        return -products.sum(dim=(1, 2, 3)) / _denominator(mask, count)
    difference = _full_precision(logits).softmax(dim=-1) - teacher_probs.detach()
    # Mask before the square: after it, a NaN at an unlabelled token would reach the gradient.
    difference = difference.masked_fill(~mask[None, :, :, None], 0.0)
    return difference.square().sum(dim=(1, 2, 3)) / (classes * _denominator(mask, count))


def _weigh_channels(per_channel: Tensor, weights: Tensor, auxiliary_weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """Total (differentiable), main and auxiliary loss (detached) from the channels' losses, (K,)."""
    main = per_channel[-1]
    # Not a matrix product: autocast would compute that in half precision.
    auxiliary = (weights * per_channel[:-1]).sum()
    return main + auxiliary_weight * auxiliary, main.detach(), auxiliary.detach()


def _denominator(labelled: Tensor, count: Tensor | None) -> Tensor:
    """Number of labelled tokens; 1 if there are none (the sums are zero then)."""
    count = labelled.sum() if count is None else count
    return torch.where(count > 0, count, 1)


def _full_precision(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


def _check_channels(logits: Tensor, weights: Tensor) -> None:
    if logits.ndim != 4 or logits.shape[0] == 0:
        raise ValueError(f"logits must be (K, B, T, C) with K >= 1, got {tuple(logits.shape)}")
    _expect("layer_weights", weights, (logits.shape[0] - 1,))


def _expect(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Check a shape: broadcasting would silently compute a wrong loss."""
    if tensor.shape != shape:
        raise ValueError(f"{name} must have shape {shape} to fit the logits, got {tuple(tensor.shape)}")
