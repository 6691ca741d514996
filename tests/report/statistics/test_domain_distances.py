"""Distances between domains against the MMD of training and slow twins of the definitions."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msd_ray.method.mmd import mmd2
from msd_ray.search.domains import DomainDistances, domain_distances

Array = NDArray[np.float64]


def sample(rows: int, seed: int, shift: float = 0.0, width: int = 6) -> Array:
    return np.random.default_rng(seed).normal(loc=shift, size=(rows, width)) + np.arange(width)


def mean_row(rows: Array) -> Array:
    return np.array([math.fsum(column) / len(rows) for column in rows.T])


def mmd_twin(x: Array, y: Array) -> float:
    """Eq. 5 with the five kernels and the bandwidth of the joint rows, pair by pair."""
    rows = [*x, *y]
    apart = [float(((u - v) ** 2).sum()) for i, u in enumerate(rows) for j, v in enumerate(rows) if i != j]
    b = sum(apart) / len(apart)

    def kernel(u: Array, v: Array) -> float:
        return sum(math.exp(-float(((u - v) ** 2).sum()) / (b * 2.0 ** (i - 2))) for i in range(5))

    def mean(left: Array, right: Array) -> float:
        return sum(kernel(u, v) for u in left for v in right) / (len(left) * len(right))

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


def symmetric_kl_twin(x: Array, y: Array) -> float:
    def softmax(vector: Array) -> list[float]:
        powers = [math.exp(value) for value in vector]
        return [power / sum(powers) for power in powers]

    p, q = softmax(mean_row(x)), softmax(mean_row(y))
    forth = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    back = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    return forth + back


def cosine_twin(x: Array, y: Array) -> float:
    p, q = mean_row(x), mean_row(y)
    return math.fsum(p * q) / math.sqrt(math.fsum(p * p) * math.fsum(q * q))


@pytest.mark.parametrize(("m", "n"), [(8, 8), (5, 2), (1, 6), (1, 1)])
@pytest.mark.parametrize("shift", [0.0, 0.7, -5.0])
def test_the_measures_are_the_twins(m: int, n: int, shift: float) -> None:
    x, y = sample(m, 0), sample(n, 1, shift)
    y[:, 0] += shift  # the softmax does not see a shift of all numbers
    found = domain_distances(x, y)
    assert found.mmd == pytest.approx(mmd_twin(x, y), abs=1e-12)
    assert found.symmetric_kl == pytest.approx(symmetric_kl_twin(x, y), abs=1e-12)
    assert found.cosine == pytest.approx(cosine_twin(x, y), abs=1e-12)
    assert found.mmd > 0
    assert found.symmetric_kl > 0
    assert found.cosine < 1


@pytest.mark.parametrize("shift", [0.0, 0.05, 1.0])
def test_mmd_is_the_one_that_training_minimises(shift: float) -> None:
    """Realistic sizes: float32 rows, as many as in a figure, with an encoder's width."""
    x = sample(100, 0, width=384).astype(np.float32)
    y = sample(100, 1, shift, width=384).astype(np.float32)
    found = domain_distances(x, y).mmd
    assert found == pytest.approx(float(mmd2(torch.from_numpy(x), torch.from_numpy(y))), abs=1e-5)
    double = mmd2(torch.from_numpy(x).double(), torch.from_numpy(y).double())
    assert found == pytest.approx(float(double), abs=1e-14)


def test_the_domains_change_places() -> None:
    x, y = sample(7, 0), sample(4, 1, 0.5)
    forth, back = domain_distances(x, y), domain_distances(y, x)
    assert forth.mmd == pytest.approx(back.mmd, abs=1e-14)
    assert forth.symmetric_kl == pytest.approx(back.symmetric_kl, abs=1e-14)
    assert forth.cosine == pytest.approx(back.cosine, abs=1e-14)


@pytest.mark.parametrize("seed", range(10))
def test_a_domain_is_no_distance_from_itself(seed: int) -> None:
    x = sample(9, seed, 3.0)
    found = domain_distances(x, x.copy())
    assert 0 <= found.mmd < 1e-14
    assert found.symmetric_kl == 0
    assert 1 - 1e-15 < found.cosine <= 1


def test_opposite_means() -> None:
    x = sample(5, 0)
    assert domain_distances(x, -x).cosine == pytest.approx(-1.0, abs=1e-15)


def test_large_numbers_do_not_overflow() -> None:
    """exp(3000) overflows; log-softmax of the means is (0, -3000) and (-3000, 0)."""
    found = domain_distances(np.array([[3000.0, 0.0]]), np.array([[0.0, 3000.0]]))
    assert found.symmetric_kl == pytest.approx(6000.0)
    assert found.cosine == 0.0


def test_the_same_digits_every_time() -> None:
    x, y = sample(100, 0, width=384).astype(np.float32), sample(100, 1, 0.1, width=384).astype(np.float32)
    first: DomainDistances = domain_distances(x, y)
    assert all(domain_distances(x, y) == first for _ in range(3))


def test_the_rows_are_not_changed() -> None:
    x, y = sample(4, 0), sample(4, 1)
    before = x.copy(), y.copy()
    domain_distances(x, y)
    assert (x == before[0]).all()
    assert (y == before[1]).all()


@pytest.mark.parametrize(
    ("x", "y"), [((2, 3), (2, 4)), ((0, 3), (2, 3)), ((2, 3), (0, 3)), ((3,), (2, 3)), ((2, 0), (2, 0))]
)
def test_mismatched_shapes_are_rejected(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"need rows \(M, H\) and \(N, H\)"):
        domain_distances(np.ones(x), np.ones(y))


def test_invalid_vectors_are_rejected() -> None:
    with pytest.raises(ValueError, match="finite"):
        domain_distances(np.array([[1.0, np.nan]]), np.ones((1, 2)))
    with pytest.raises(ValueError, match="no direction"):
        domain_distances(np.array([[1.0, 2.0], [-1.0, -2.0]]), np.ones((1, 2)))
