"""The losses against slow NumPy twins written from the paper's equations, values and gradients."""

import numpy as np
import pytest
import torch
from loss_inputs import LABELS, WEIGHTS, Array, B, C, Gradient, K, T, gradient_of, leaf, make_logits, make_probs
from loss_twins import (
    cross_entropy_twin,
    distillation_twin,
    softmax_twin,
    squared_error_twin,
    teacher_twin,
)
from torch import Tensor

from msd_ray.method.losses import DistillationLoss, distillation_loss, layer_weights, student_loss, teacher_loss


def distil(logits: Tensor, probs: Array, mask: Tensor, weights: Tensor | None = None) -> DistillationLoss:
    weights = torch.tensor(WEIGHTS[: len(logits) - 1]) if weights is None else weights
    return distillation_loss(logits, torch.tensor(probs), mask, weights, 0.4)


def test_teacher_loss_equals_its_twin() -> None:
    loss = teacher_loss(torch.tensor(make_logits()), torch.tensor(LABELS), torch.tensor(WEIGHTS), 0.4)
    channels = [cross_entropy_twin(make_logits(), LABELS, k) for k in range(K)]
    np.testing.assert_allclose(loss.channels, channels, rtol=1e-12)
    np.testing.assert_allclose(loss.main, channels[-1], rtol=1e-12)
    np.testing.assert_allclose(loss.auxiliary, 0.3 * channels[0] + 0.7 * channels[1], rtol=1e-12)
    np.testing.assert_allclose(loss.total, teacher_twin(make_logits(), LABELS, WEIGHTS, 0.4), rtol=1e-12)
    assert loss.total.shape == ()


def test_teacher_loss_gradients_equal_the_twins(numerical_gradient: Gradient) -> None:
    logits, weights = leaf(make_logits()), leaf(WEIGHTS)
    torch.autograd.backward(teacher_loss(logits, torch.tensor(LABELS), weights, 0.4).total)
    np.testing.assert_allclose(
        gradient_of(logits),
        numerical_gradient(lambda x: teacher_twin(x, LABELS, WEIGHTS, 0.4), make_logits()),
        atol=1e-9,
    )
    np.testing.assert_allclose(
        gradient_of(weights),
        numerical_gradient(lambda w: teacher_twin(make_logits(), LABELS, w, 0.4), WEIGHTS),
        atol=1e-9,
    )


def test_distillation_loss_equals_its_twin() -> None:
    mask = LABELS != -100
    loss = distil(torch.tensor(make_logits()), make_probs(), torch.tensor(mask))
    channels = [squared_error_twin(make_logits(), make_probs(), mask, k) for k in range(K)]
    np.testing.assert_allclose(loss.channels, channels, rtol=1e-12)
    np.testing.assert_allclose(loss.main, channels[-1], rtol=1e-12)
    np.testing.assert_allclose(loss.auxiliary, 0.3 * channels[0] + 0.7 * channels[1], rtol=1e-12)
    expected = distillation_twin(make_logits(), make_probs(), mask, WEIGHTS, 0.4)
    np.testing.assert_allclose(loss.total, expected, rtol=1e-12)


def test_distillation_loss_gradients_equal_the_twins(numerical_gradient: Gradient) -> None:
    mask = LABELS != -100
    logits, weights = leaf(make_logits()), leaf(WEIGHTS)
    torch.autograd.backward(distil(logits, make_probs(), torch.tensor(mask), weights).total)
    np.testing.assert_allclose(
        gradient_of(logits),
        numerical_gradient(lambda x: distillation_twin(x, make_probs(), mask, WEIGHTS, 0.4), make_logits()),
        atol=1e-9,
    )
    np.testing.assert_allclose(
        gradient_of(weights),
        numerical_gradient(lambda w: distillation_twin(make_logits(), make_probs(), mask, w, 0.4), WEIGHTS),
        atol=1e-9,
    )


def test_a_student_that_equals_its_teacher_has_no_loss() -> None:
    logits = torch.tensor(make_logits())
    loss = distil(logits, logits.softmax(-1).numpy(), torch.ones(B, T, dtype=torch.bool))
    assert loss.total == 0


def test_teacher_probabilities_get_no_gradient() -> None:
    probs, mask = leaf(make_probs()), torch.tensor(LABELS != -100)
    logits = leaf(make_logits())
    torch.autograd.backward(distillation_loss(logits, probs, mask, torch.tensor(WEIGHTS), 0.4).total)
    assert probs.grad is None


def test_student_loss_adds_the_weighted_terms() -> None:
    logits = leaf(make_logits())
    distillation = distil(logits, make_probs(), torch.tensor(LABELS != -100))
    mmd_model, mmd_language = leaf(np.array(0.75)), leaf(np.array(2.5))
    loss = student_loss(distillation, mmd_model, mmd_language, 0.1, 0.01)
    assert loss.total.item() == pytest.approx(distillation.total.item() + 0.1 * 0.75 + 0.01 * 2.5)
    assert (float(loss.mmd_model), float(loss.mmd_language)) == (0.75, 2.5)
    assert loss.distillation == distillation.total
    assert torch.equal(loss.channels, distillation.channels)

    torch.autograd.backward(loss.total)
    assert gradient_of(mmd_model) == pytest.approx(0.1)
    assert gradient_of(mmd_language) == pytest.approx(0.01)
    alone = leaf(make_logits())
    torch.autograd.backward(distil(alone, make_probs(), torch.tensor(LABELS != -100)).total)
    np.testing.assert_array_equal(gradient_of(logits), gradient_of(alone))


def test_only_the_total_carries_a_gradient() -> None:
    logits, weights = leaf(make_logits()), leaf(WEIGHTS)
    teacher = teacher_loss(logits, torch.tensor(LABELS), weights, 0.4)
    distillation = distil(logits, make_probs(), torch.tensor(LABELS != -100), weights)
    student = student_loss(distillation, logits.sum(), logits.mean(), 0.1, 0.1)
    for parts in (teacher, distillation, student):
        assert {name for name, part in vars(parts).items() if part.requires_grad} == {"total"}


def test_one_channel_has_no_auxiliary_loss() -> None:
    logits, none = torch.tensor(make_logits(channels=1)), torch.zeros(0)
    teacher = teacher_loss(logits, torch.tensor(LABELS), none, 0.4)
    assert teacher.total == teacher.main == teacher.channels[0]
    assert teacher.auxiliary == 0
    distillation = distil(logits, make_probs(channels=1), torch.tensor(LABELS != -100), none)
    assert distillation.total == distillation.main == distillation.channels[0]


def test_a_batch_without_labelled_tokens_has_zero_loss_and_gradient() -> None:
    logits = leaf(make_logits())
    unlabelled = torch.full((B, T), -100)
    total = teacher_loss(logits, unlabelled, torch.tensor(WEIGHTS), 0.4).total
    total = total + distil(logits, make_probs(), unlabelled != -100).total
    torch.autograd.backward(total)
    assert total == 0
    assert not gradient_of(logits).any()


def test_unlabelled_positions_do_not_matter() -> None:
    """Stored teacher outputs and the student's logits may have any value there."""
    mask = torch.tensor(LABELS != -100)
    logits, other = leaf(make_logits()), make_logits(seed=7)
    other[:, LABELS != -100] = make_logits()[:, LABELS != -100]
    changed = leaf(other)
    probs = make_probs()
    probs[:, LABELS == -100] = np.nan

    for tensor, soft_labels in ((logits, make_probs()), (changed, probs)):
        loss = teacher_loss(tensor, torch.tensor(LABELS), torch.tensor(WEIGHTS), 0.4).total
        torch.autograd.backward(loss + distil(tensor, soft_labels, mask).total)
    np.testing.assert_array_equal(gradient_of(logits), gradient_of(changed))
    assert not gradient_of(logits)[:, LABELS == -100].any()
    assert gradient_of(logits)[:, LABELS != -100].all()


@pytest.mark.parametrize("divide_by_workers", [False, True])
def test_workers_that_divide_by_the_global_count_add_up_to_the_whole_batch(divide_by_workers: bool) -> None:
    labels = torch.tensor([[3, -100, -100, -100], [2, 0, 1, 4]])  # one and four labelled tokens
    logits, probs, weights = torch.tensor(make_logits()), torch.tensor(make_probs()), torch.tensor(WEIGHTS)
    workers = 2 if divide_by_workers else 1
    count = (labels != -100).sum() / workers
    teacher, distillation = torch.zeros(()), torch.zeros(())
    for b in range(B):
        part, gold = slice(b, b + 1), labels[b : b + 1]
        teacher = teacher + teacher_loss(logits[:, part], gold, weights, 0.4, count=count).total
        distillation = (
            distillation
            + distillation_loss(logits[:, part], probs[:, part], gold != -100, weights, 0.4, count=count).total
        )
    whole_teacher = teacher_loss(logits, labels, weights, 0.4).total
    whole_distillation = distillation_loss(logits, probs, labels != -100, weights, 0.4).total
    assert float(teacher / workers) == pytest.approx(float(whole_teacher), rel=1e-12)
    assert float(distillation / workers) == pytest.approx(float(whole_distillation), rel=1e-12)


def test_a_global_count_below_one_a_worker_is_not_rounded_up() -> None:
    labels = torch.full((B, T), -100)
    labels[0, 0] = 2  # one labelled token in all, shared by four workers
    whole = teacher_loss(torch.tensor(make_logits()), labels, torch.tensor(WEIGHTS), 0.4).total
    quarter = torch.tensor(0.25)
    scaled = teacher_loss(torch.tensor(make_logits()), labels, torch.tensor(WEIGHTS), 0.4, count=quarter)
    assert float(scaled.total) == pytest.approx(4 * float(whole))


def test_half_precision_logits_are_computed_in_float32_also_inside_autocast() -> None:
    half = torch.tensor(make_logits()).bfloat16()
    exact = half.double().numpy()  # the twin sees the rounded logits: only the computation differs
    mask, weights = torch.tensor(LABELS != -100), torch.tensor(WEIGHTS).float()
    for enabled in (False, True):
        logits = half.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            teacher = teacher_loss(logits, torch.tensor(LABELS), weights, 0.4)
            distillation = distil(logits, make_probs(), mask, weights)
            single = distillation_loss(logits, torch.tensor(make_probs()).half(), mask, weights, 0.4)
            normalised = layer_weights(torch.tensor([0.5, -0.5]).bfloat16())
        assert teacher.total.dtype == single.total.dtype == normalised.dtype == torch.float32
        np.testing.assert_allclose(teacher.total.item(), teacher_twin(exact, LABELS, WEIGHTS, 0.4), rtol=1e-6)
        np.testing.assert_allclose(
            distillation.total.item(),
            distillation_twin(exact, make_probs(), mask.numpy(), WEIGHTS, 0.4),
            rtol=1e-6,
        )
        torch.autograd.backward(teacher.total + distillation.total)
        assert logits.grad is not None
        assert logits.grad.dtype == torch.bfloat16
        assert logits.grad.isfinite().all()


def test_nothing_is_read_from_the_device() -> None:
    """Tensors on the meta device have no values: reading one, or counting true entries, would fail."""
    logits = torch.zeros(K, B, T, C, device="meta", requires_grad=True)
    labels = torch.zeros(B, T, device="meta", dtype=torch.int64)
    omega, scalar = torch.zeros(K - 1, device="meta"), torch.zeros((), device="meta")
    weights = layer_weights(omega)
    teacher = teacher_loss(logits, labels, weights, 0.4)
    distillation = distillation_loss(logits, logits, labels != -100, weights, 0.4)
    student = student_loss(distillation, scalar, scalar, 0.1, 0.1)
    torch.autograd.backward(teacher.total + student.total)
    assert {part.device.type for parts in (teacher, student) for part in vars(parts).values()} == {"meta"}
    assert logits.grad is not None
    assert logits.grad.is_meta


def test_large_logits_stay_finite() -> None:
    logits = leaf(make_logits() * 1e4)
    loss = teacher_loss(logits, torch.tensor(LABELS), torch.tensor(WEIGHTS), 0.4).total
    torch.autograd.backward(loss + distil(logits, make_probs(), torch.tensor(LABELS != -100)).total)
    assert loss.isfinite()
    assert np.isfinite(gradient_of(logits)).all()


def test_layer_weights_are_a_softmax_that_passes_gradients() -> None:
    omega = leaf(np.array([0.3, -1.0, 2.0]))
    weights = layer_weights(omega)
    np.testing.assert_allclose(weights.detach(), softmax_twin(np.array([0.3, -1.0, 2.0])), rtol=1e-12)
    assert torch.autograd.gradcheck(layer_weights, (omega,))
    assert layer_weights(torch.zeros(0)).shape == (0,)


def test_shapes_that_would_broadcast_are_refused() -> None:
    logits, labels = torch.tensor(make_logits()), torch.tensor(LABELS)
    weights = torch.tensor(WEIGHTS)
    probs, mask = torch.tensor(make_probs()), labels != -100
    with pytest.raises(ValueError, match=r"logits must be \(K, B, T, C\)"):
        teacher_loss(logits[0], labels, weights, 0.4)
    with pytest.raises(ValueError, match=r"labels must have shape \(2, 4\)"):
        teacher_loss(logits, labels[:1], weights, 0.4)
    with pytest.raises(ValueError, match=r"layer_weights must have shape \(2,\)"):
        teacher_loss(logits, labels, weights[:1], 0.4)
    with pytest.raises(ValueError, match=r"teacher_probs must have shape \(3, 2, 4, 5\)"):
        distillation_loss(logits, probs[-1:], mask, weights, 0.4)
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 4\)"):
        distillation_loss(logits, probs, mask[:, :1], weights, 0.4)
