"""The control's loss, with gold labels in the auxiliary channels, against a slow NumPy twin."""

import numpy as np
import torch
from loss_inputs import LABELS, WEIGHTS, Array, Gradient, K, gradient_of, leaf, make_logits, make_probs
from loss_twins import (
    cross_entropy_twin,
    squared_error_twin,
    weighted_twin,
)

from msd_ray.method.losses import gold_auxiliary_loss


def gold_auxiliary_twin(logits: Array, probs: Array, weights: Array) -> float:
    auxiliary = [cross_entropy_twin(logits, LABELS, k) for k in range(K - 1)]
    return weighted_twin([*auxiliary, squared_error_twin(logits, probs, LABELS != -100, K - 1)], weights, 0.4)


def test_gold_auxiliary_loss_equals_its_twin(numerical_gradient: Gradient) -> None:
    probs, labels, mask = make_probs(), torch.tensor(LABELS), torch.tensor(LABELS != -100)
    logits, weights = leaf(make_logits()), leaf(WEIGHTS)
    loss = gold_auxiliary_loss(logits, torch.tensor(probs), labels, mask, weights, 0.4)
    np.testing.assert_allclose(loss.total.item(), gold_auxiliary_twin(make_logits(), probs, WEIGHTS), rtol=1e-12)
    np.testing.assert_allclose(loss.main, squared_error_twin(make_logits(), probs, LABELS != -100, K - 1), rtol=1e-12)
    np.testing.assert_allclose(loss.channels[0], cross_entropy_twin(make_logits(), LABELS, 0), rtol=1e-12)
    torch.autograd.backward(loss.total)
    for tensor, twin in (
        (logits, numerical_gradient(lambda x: gold_auxiliary_twin(x, probs, WEIGHTS), make_logits())),
        (weights, numerical_gradient(lambda w: gold_auxiliary_twin(make_logits(), probs, w), WEIGHTS)),
    ):
        np.testing.assert_allclose(gradient_of(tensor), twin, atol=1e-9)


def test_gold_auxiliary_loss_takes_the_teachers_main_channel_alone() -> None:
    probs = make_probs()
    probs[:-1] = np.nan
    mask = torch.tensor(LABELS != -100)
    loss = gold_auxiliary_loss(
        torch.tensor(make_logits()), torch.tensor(probs), torch.tensor(LABELS), mask, torch.tensor(WEIGHTS), 0.4
    )
    assert torch.isfinite(loss.total)
