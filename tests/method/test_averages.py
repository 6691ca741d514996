"""The mean of several taggers' weights."""

import numpy as np
import pytest
import torch
from torch import Tensor

from msd_ray.method.checkpoints import mean_weights


def some_weights(seed: int, kind: torch.dtype = torch.float32) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    return {
        "matrix": torch.tensor(rng.normal(size=(7, 5))).to(kind),
        "bias": torch.tensor(rng.normal(size=5)).to(kind),
        "none": torch.zeros(0).to(kind),
    }


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_it_is_numpys_mean_in_float64(count: int) -> None:
    weights = [some_weights(seed) for seed in range(count)]
    found = mean_weights(weights)
    assert found.keys() == weights[0].keys()
    for name, value in found.items():
        expected = np.mean([one[name].double().numpy() for one in weights], axis=0).astype(np.float32)
        np.testing.assert_array_equal(value, expected)


def test_what_float32_would_lose() -> None:
    found = mean_weights([{"w": torch.tensor([value])} for value in (1e8, 1.0, -1e8)])
    assert found["w"].tolist() == [pytest.approx(1 / 3)]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32, torch.float64])
def test_types_stay(kind: torch.dtype) -> None:
    found = mean_weights([some_weights(seed, kind) for seed in range(3)])
    assert {value.dtype for value in found.values()} == {kind}


def test_the_mean_of_one_is_it() -> None:
    weights = some_weights(0)
    assert all(torch.equal(value, weights[name]) for name, value in mean_weights([weights]).items())


def test_what_is_averaged_stays_as_it_is() -> None:
    weights = [some_weights(0), some_weights(1)]
    mean_weights(weights)["matrix"].zero_()
    for seed, one in enumerate(weights):
        assert all(torch.equal(value, some_weights(seed)[name]) for name, value in one.items())


def test_no_weights_and_weights_of_different_taggers_are_refused() -> None:
    with pytest.raises(ValueError, match="no weights to average"):
        mean_weights([])
    other = {**some_weights(1), "more": torch.zeros(1)}
    for pair in ([some_weights(0), other], [other, some_weights(0)]):
        with pytest.raises(ValueError, match="the weights of different taggers"):
            mean_weights(pair)
