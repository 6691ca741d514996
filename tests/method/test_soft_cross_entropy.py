"""Distillation by cross entropy with the teacher's probabilities, against a slow NumPy twin, gradients included."""

from typing import Literal

import numpy as np
import pytest
import torch
from loss_inputs import LABELS, WEIGHTS, Array, B, C, Gradient, K, T, gradient_of, leaf, make_logits, make_probs
from loss_twins import cross_entropy_twin, distillation_twin, soft_cross_entropy_twin, weighted_twin
from torch import Tensor

from msd_ray.method.losses import DistillationLoss, distillation_loss, gold_auxiliary_loss

MASK = LABELS != -100
KD: Literal["soft-cross-entropy"] = "soft-cross-entropy"


def distil(
    logits: Tensor, probs: Array | Tensor, mask: Array | Tensor = MASK, weights: Tensor | None = None
) -> DistillationLoss:
    weights = torch.tensor(WEIGHTS) if weights is None else weights
    return distillation_loss(logits, torch.as_tensor(probs), torch.as_tensor(mask), weights, 0.4, kd_loss=KD)


def one_hot_probs() -> Array:
    """Probabilities of exactly 0 and 1."""
    return np.asarray(np.eye(C)[make_probs().argmax(axis=-1)])


@pytest.mark.parametrize("probs", [make_probs(), one_hot_probs()], ids=["soft", "one-hot"])
def test_values_and_gradients_equal_the_twins(numerical_gradient: Gradient, probs: Array) -> None:
    logits, weights = leaf(make_logits()), leaf(WEIGHTS)
    loss = distil(logits, probs, weights=weights)
    channels = [soft_cross_entropy_twin(make_logits(), probs, MASK, k) for k in range(K)]
    np.testing.assert_allclose(loss.channels, channels, rtol=1e-12)
    np.testing.assert_allclose(loss.main, channels[-1], rtol=1e-12)
    np.testing.assert_allclose(loss.auxiliary, 0.3 * channels[0] + 0.7 * channels[1], rtol=1e-12)
    np.testing.assert_allclose(loss.total.item(), weighted_twin(channels, WEIGHTS, 0.4), rtol=1e-12)
    assert loss.total.shape == ()
    torch.autograd.backward(loss.total)
    for tensor, twin in (
        (logits, numerical_gradient(lambda x: distillation_twin(x, probs, MASK, WEIGHTS, 0.4, KD), make_logits())),
        (weights, numerical_gradient(lambda w: distillation_twin(make_logits(), probs, MASK, w, 0.4, KD), WEIGHTS)),
    ):
        np.testing.assert_allclose(gradient_of(tensor), twin, atol=1e-8)


def test_one_hot_soft_labels_are_gold_labels() -> None:
    labels = np.where(MASK, one_hot_probs()[-1].argmax(axis=-1), -100)
    expected = cross_entropy_twin(make_logits(), labels, K - 1)
    assert float(distil(torch.tensor(make_logits()), one_hot_probs()).main) == pytest.approx(expected, rel=1e-12)


def test_the_gradient_of_a_student_that_equals_its_teacher_is_zero() -> None:
    """Its loss is not: that is the teacher's entropy."""
    logits = leaf(make_logits())
    probs = logits.detach().softmax(dim=-1)
    loss = distil(logits, probs)
    entropy = -(probs[-1] * probs[-1].log()).sum(dim=-1).numpy()[MASK].mean()
    assert float(loss.main) == pytest.approx(entropy, rel=1e-12)
    torch.autograd.backward(loss.total)
    np.testing.assert_allclose(gradient_of(logits), 0.0, atol=1e-15)


def test_unlabelled_positions_do_not_matter() -> None:
    """Stored teacher outputs and the student's logits may have any value there."""
    other, probs = make_logits(seed=7), make_probs()
    other[:, MASK] = make_logits()[:, MASK]
    probs[:, ~MASK] = np.nan
    logits, changed = leaf(make_logits()), leaf(other)
    losses = []
    for tensor, soft_labels in ((logits, make_probs()), (changed, probs)):
        losses.append(distil(tensor, soft_labels).total)
        torch.autograd.backward(losses[-1])
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(gradient_of(logits), gradient_of(changed))
    assert not gradient_of(logits)[:, ~MASK].any()
    assert gradient_of(logits)[:, MASK].all()


def test_a_labelled_nan_is_seen() -> None:
    probs = make_probs()
    probs[-1, 0, 1] = np.nan
    assert distil(torch.tensor(make_logits()), probs).total.isnan()


def test_teacher_probabilities_get_no_gradient() -> None:
    probs = leaf(make_probs())
    torch.autograd.backward(distil(leaf(make_logits()), probs).total)
    assert probs.grad is None


def test_no_labelled_tokens_no_loss_and_no_gradient() -> None:
    logits = leaf(make_logits())
    total = distil(logits, make_probs(), np.zeros((B, T), dtype=bool)).total
    torch.autograd.backward(total)
    assert total == 0
    assert not gradient_of(logits).any()


def test_workers_that_divide_by_the_global_count_add_up_to_the_whole_batch() -> None:
    mask = torch.tensor([[True, False, False, False], [True, True, True, True]])
    logits, probs, weights = torch.tensor(make_logits()), torch.tensor(make_probs()), torch.tensor(WEIGHTS)
    parts = [
        distillation_loss(logits[:, [b]], probs[:, [b]], mask[[b]], weights, 0.4, kd_loss=KD, count=mask.sum()).total
        for b in range(B)
    ]
    assert float(sum(parts)) == pytest.approx(float(distil(logits, probs, mask).total), rel=1e-12)


@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_logits_are_computed_in_float32_also_inside_autocast(autocast: bool) -> None:
    half = torch.tensor(make_logits()).bfloat16()
    exact = half.double().numpy()  # the twin sees the rounded logits: only the computation differs
    logits = half.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        loss = distil(logits, torch.tensor(make_probs()).float(), weights=torch.tensor(WEIGHTS).float()).total
    assert loss.dtype == torch.float32
    expected = distillation_twin(exact, make_probs(), MASK, WEIGHTS, 0.4, KD)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-6)
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad.dtype == torch.bfloat16
    assert logits.grad.isfinite().all()


def test_logits_so_far_apart_that_probabilities_are_zero() -> None:
    logits = leaf(make_logits() * 1e4)
    assert not logits.softmax(dim=-1).all()
    for probs in (make_probs(), one_hot_probs()):
        loss = distil(logits, probs).total
        torch.autograd.backward(loss)
        assert loss.isfinite()
        assert np.isfinite(gradient_of(logits)).all()


def test_the_controls_main_channel(numerical_gradient: Gradient) -> None:
    """With gold labels below: cross entropies throughout, of gold labels and of the teacher's."""
    probs, logits = make_probs(), leaf(make_logits())

    def twin(scores: Array) -> float:
        auxiliary = [cross_entropy_twin(scores, LABELS, k) for k in range(K - 1)]
        return weighted_twin([*auxiliary, soft_cross_entropy_twin(scores, probs, MASK, K - 1)], WEIGHTS, 0.4)

    loss = gold_auxiliary_loss(
        logits,
        torch.tensor(probs),
        torch.tensor(LABELS),
        torch.tensor(MASK),
        torch.tensor(WEIGHTS),
        0.4,
        kd_loss=KD,
    ).total
    assert loss.item() == pytest.approx(twin(make_logits()), rel=1e-12)
    torch.autograd.backward(loss)
    np.testing.assert_allclose(gradient_of(logits), numerical_gradient(twin, make_logits()), atol=1e-8)


def test_nothing_is_read_from_the_device() -> None:
    """Tensors on the meta device have no values: reading one would fail."""
    logits = torch.zeros(K, B, T, C, device="meta", requires_grad=True)
    mask = torch.zeros(B, T, device="meta", dtype=torch.bool)
    loss = distillation_loss(logits, logits, mask, torch.zeros(K - 1, device="meta"), 0.4, kd_loss=KD).total
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad.is_meta
