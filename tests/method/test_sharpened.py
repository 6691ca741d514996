"""Sharpened and flattened soft labels against a slow NumPy twin, gradients included."""

import numpy as np
import pytest
import torch
from loss_inputs import Array, Gradient, gradient_of, leaf, make_logits, make_probs
from loss_twins import sharpened_twin, softmax_twin

from msd_ray.method.losses import sharpened

TEMPERATURES = [0.2, 0.5, 0.9, 1.5, 4.0]


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_values_and_gradients_equal_the_twins(numerical_gradient: Gradient, temperature: float) -> None:
    probs, probe = leaf(make_probs()), make_logits(seed=5)
    found = sharpened(probs, temperature)
    np.testing.assert_allclose(found.detach(), sharpened_twin(make_probs(), temperature), rtol=1e-10)

    def probed(values: Array) -> float:
        return float((probe * sharpened_twin(values, temperature)).sum())

    torch.autograd.backward((torch.tensor(probe) * found).sum())
    numerical = numerical_gradient(probed, make_probs())
    np.testing.assert_allclose(gradient_of(probs), numerical, rtol=1e-3, atol=1e-5)


def test_they_are_the_teachers_at_another_temperature() -> None:
    """Softmax of the logits divided by the temperature, which stored probabilities are enough for."""
    logits = make_logits()
    for temperature in TEMPERATURES:
        found = sharpened(torch.tensor(logits).softmax(dim=-1), temperature).numpy()
        for index in np.ndindex(logits.shape[:-1]):
            np.testing.assert_allclose(found[index], softmax_twin(logits[index] / temperature), rtol=1e-9)


def test_below_one_sharpens_and_above_one_flattens() -> None:
    largest = [float(sharpened(torch.tensor(make_probs()), t).amax(dim=-1).mean()) for t in (0.5, 1.0, 2.0)]
    assert largest[0] > largest[1] > largest[2]


def test_at_one_it_is_the_very_same_tensor() -> None:
    for kind in (torch.float16, torch.float32, torch.float64):
        probs = torch.tensor(make_probs()).to(kind)
        assert sharpened(probs, 1.0) is probs


@pytest.mark.parametrize("temperature", [0.0, -0.5, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="a temperature must be positive"):
        sharpened(torch.tensor(make_probs()), temperature)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_probabilities_of_exactly_zero_stay_zero(temperature: float) -> None:
    probs = torch.tensor([[0.0, 0.25, 0.75], [0.0, 1.0, 0.0]], dtype=torch.float64)
    found = sharpened(probs, temperature)
    np.testing.assert_allclose(found, sharpened_twin(probs.numpy(), temperature), rtol=1e-12)
    assert torch.equal(found == 0, probs == 0)
    assert torch.equal(found[1], probs[1])


def test_powers_that_float32_cannot_hold() -> None:
    probs = torch.tensor([[1e-4, 2e-4, 3e-4]], dtype=torch.float32)
    found = sharpened(probs, 0.05)  # the powers are about 1e-80
    np.testing.assert_allclose(found, sharpened_twin(probs.double().numpy(), 0.05), rtol=1e-4, atol=1e-12)


def test_a_nan_stays_with_its_token() -> None:
    probs = make_probs()
    probs[1, 0, 2, 3] = np.nan
    found = sharpened(torch.tensor(probs), 0.5).isnan().any(dim=-1)
    assert found.nonzero().tolist() == [[1, 0, 2]]


@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_is_computed_in_float32_also_inside_autocast(autocast: bool) -> None:
    half = torch.tensor(make_probs()).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        found = sharpened(half, 0.5)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, sharpened_twin(half.double().numpy(), 0.5), rtol=1e-5, atol=1e-9)
