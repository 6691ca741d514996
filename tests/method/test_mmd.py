"""MMD against a slow NumPy twin written from Eq. 5 with direct differences, values and gradients."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from msd_ray.method.mmd import mmd2

Array = NDArray[np.float64]
Gradient = Callable[[Callable[[Array], float], Array], Array]


def bandwidth_twin(x: Array, y: Array) -> float:
    rows = [*x, *y]
    distances = [float(((rows[i] - rows[j]) ** 2).sum()) for i in range(len(rows)) for j in range(len(rows)) if i != j]
    return sum(distances) / len(distances)


def mmd2_twin(x: Array, y: Array, kernels: int = 5, factor: float = 2.0, bandwidth: float | None = None) -> float:
    """Eq. 5; a given bandwidth is held fixed, as it is for the gradient."""
    b = bandwidth_twin(x, y) if bandwidth is None else bandwidth

    def similarity(u: Array, v: Array) -> float:
        distance = float(((u - v) ** 2).sum())
        return sum(float(np.exp(-distance / (b * factor ** (i - kernels // 2)))) for i in range(kernels))

    within_x = sum(similarity(u, v) for u in x for v in x) / len(x) ** 2
    within_y = sum(similarity(u, v) for u in y for v in y) / len(y) ** 2
    between = sum(similarity(u, v) for u in x for v in y) / (len(x) * len(y))
    return within_x + within_y - 2 * between


def sample(rows: int, seed: int, shift: float = 0.0, width: int = 3) -> Array:
    return np.random.default_rng(seed).normal(loc=shift, size=(rows, width))


def gradients(x: Array, y: Array, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    left, right = torch.tensor(x).to(dtype).requires_grad_(), torch.tensor(y).to(dtype).requires_grad_()
    value = mmd2(left, right)
    torch.autograd.backward(value)
    assert left.grad is not None
    assert right.grad is not None
    return value.detach(), left.grad, right.grad


@pytest.mark.parametrize(("m", "n"), [(4, 4), (5, 2), (1, 6), (1, 1)])
@pytest.mark.parametrize("shift", [0.0, 1.5, 40.0])
def test_mmd2_and_gradients_equal_the_twins(numerical_gradient: Gradient, m: int, n: int, shift: float) -> None:
    x, y = sample(m, 0), sample(n, 1, shift)
    value, gradient_x, gradient_y = gradients(x, y)
    assert float(value) == pytest.approx(mmd2_twin(x, y), abs=1e-12)
    b = bandwidth_twin(x, y)
    expected_x = numerical_gradient(lambda z: mmd2_twin(z, y, bandwidth=b), x)
    expected_y = numerical_gradient(lambda z: mmd2_twin(x, z, bandwidth=b), y)
    np.testing.assert_allclose(gradient_x, expected_x, atol=1e-9)
    np.testing.assert_allclose(gradient_y, expected_y, atol=1e-9)


@pytest.mark.parametrize(("kernels", "factor"), [(1, 2.0), (3, 1.5), (4, 3.0)])
def test_other_kernels(kernels: int, factor: float) -> None:
    x, y = sample(4, 0), sample(3, 1, 0.5)
    value = mmd2(torch.tensor(x), torch.tensor(y), kernels=kernels, factor=factor)
    assert float(value) == pytest.approx(mmd2_twin(x, y, kernels, factor), abs=1e-12)


def test_the_bandwidth_follows_the_scale() -> None:
    x, y = sample(4, 0), sample(4, 1, 1.0)
    values = [float(mmd2(torch.tensor(c * x), torch.tensor(c * y))) for c in (1e-3, 1.0, 1e3)]
    np.testing.assert_allclose(values, values[1], rtol=1e-12)


def test_no_gradient_through_the_bandwidth() -> None:
    """Scaling all rows does not change the value, so with b in the graph the gradient along x would vanish."""
    x, y = sample(4, 0), sample(4, 1, 1.0)
    _, gradient_x, gradient_y = gradients(x, y)
    along = (gradient_x.numpy() * x).sum() + (gradient_y.numpy() * y).sum()
    assert abs(along) > 0.1


def test_sentence_vectors_in_float32_far_from_the_origin() -> None:
    """The Gram matrix form must not cancel: a real encoder's width, rows much closer than the origin."""
    rng = np.random.default_rng(3)
    center = rng.normal(size=768)
    x = center + 0.1 * rng.normal(size=(16, 768))
    y = center + 0.1 * rng.normal(size=(12, 768)) + 0.02
    x, y = x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64)
    value, gradient_x, _ = gradients(x, y, torch.float32)
    exact_value, exact_x, _ = gradients(x, y)
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(mmd2_twin(x, y), abs=2e-6)
    assert float(exact_value) == pytest.approx(mmd2_twin(x, y), abs=1e-12)
    np.testing.assert_allclose(gradient_x, exact_x, atol=1e-5 * float(exact_x.abs().max()))


def test_the_same_inside_autocast_and_from_half_precision() -> None:
    x, y = torch.tensor(sample(6, 0, width=32)).float(), torch.tensor(sample(5, 1, 0.3, 32)).float()
    expected = mmd2(x, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert mmd2(x, y) == expected
    half = mmd2(x.bfloat16(), y)  # the student's rows in bf16, the stored teacher's in float32
    assert half.dtype == torch.float32
    assert float(half) == pytest.approx(mmd2_twin(x.bfloat16().double().numpy(), y.double().numpy()), abs=2e-6)


def test_gradient_inside_autocast_is_the_full_one() -> None:
    x, y = sample(6, 0, width=32), sample(5, 1, 0.3, 32)
    _, expected, _ = gradients(x, y, torch.float32)
    left = torch.tensor(x).float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = mmd2(left, torch.tensor(y).float())
    torch.autograd.backward(value)
    assert left.grad is not None
    torch.testing.assert_close(left.grad, expected, rtol=1e-6, atol=1e-8)


def test_a_first_row_far_from_all_others_in_float32() -> None:
    """The worst origin: every other row's squared length is then far above the mean squared distance."""
    x, y = sample(32, 0, width=384), sample(32, 1, 0.05, 384)
    x[0] += 100.0
    x, y = x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64)
    value, gradient_x, gradient_y = gradients(x, y, torch.float32)
    _, exact_x, exact_y = gradients(x, y)
    assert float(value) == pytest.approx(mmd2_twin(x, y), abs=5e-5)
    for gradient, exact in ((gradient_x, exact_x), (gradient_y, exact_y)):
        np.testing.assert_allclose(gradient, exact, atol=1e-3 * float(exact.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identical_batches_have_no_distance(dtype: torch.dtype) -> None:
    x = sample(8, 0, shift=3.0, width=64)
    value, gradient_x, gradient_y = gradients(x, x, dtype)
    tolerance = 1e-6 if dtype == torch.float32 else 1e-14
    assert abs(float(value)) < tolerance
    assert float(gradient_x.abs().max()) < tolerance
    assert float(gradient_y.abs().max()) < tolerance


def test_rows_that_coincide_get_the_twins_gradient(numerical_gradient: Gradient) -> None:
    x, y = sample(4, 0), sample(3, 1)
    x[1] = x[0]
    y[2] = x[0]
    value, gradient_x, gradient_y = gradients(x, y)
    b = bandwidth_twin(x, y)
    assert float(value) == pytest.approx(mmd2_twin(x, y), abs=1e-12)
    expected_x = numerical_gradient(lambda z: mmd2_twin(z, y, bandwidth=b), x)
    expected_y = numerical_gradient(lambda z: mmd2_twin(x, z, bandwidth=b), y)
    np.testing.assert_allclose(gradient_x, expected_x, atol=1e-9)
    np.testing.assert_allclose(gradient_y, expected_y, atol=1e-9)


@pytest.mark.parametrize("level", [0.0, 0.7312, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_all_rows_the_same_is_zero_with_zero_gradient(level: float, dtype: torch.dtype) -> None:
    row = level + sample(1, 0, width=64) * (level != 0)
    value, gradient_x, gradient_y = gradients(np.repeat(row, 3, axis=0), np.repeat(row, 4, axis=0), dtype)
    assert value == 0
    assert not gradient_x.any()
    assert not gradient_y.any()


def test_nothing_is_read_from_the_device() -> None:
    """Reading a value would break the graph, which `fullgraph` rejects."""
    compiled = torch.compile(mmd2, fullgraph=True, backend="eager")
    x, y = torch.tensor(sample(4, 0)), torch.tensor(sample(3, 1))
    assert compiled(x, y) == mmd2(x, y)


def test_minimising_brings_two_batches_together() -> None:
    x, y = torch.tensor(sample(16, 0, 2.0), requires_grad=True), torch.tensor(sample(16, 1))
    before = float(mmd2(x, y).detach())
    optimizer = torch.optim.Adam([x], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        torch.autograd.backward(mmd2(x, y))
        optimizer.step()
    assert before > 1.0
    assert float(mmd2(x, y).detach()) < 0.05 * before


@pytest.mark.parametrize(
    ("x", "y"), [((2, 3), (2, 4)), ((0, 3), (2, 3)), ((2, 3), (0, 3)), ((3,), (2, 3)), ((2, 3), (1, 2, 3))]
)
def test_shapes_that_do_not_fit_are_refused(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"needs rows \(M, H\) and \(N, H\)"):
        mmd2(torch.zeros(x), torch.zeros(y))


@pytest.mark.parametrize(("kernels", "factor"), [(0, 2.0), (5, 0.0), (5, -1.0)])
def test_kernels_that_make_no_sense_are_refused(kernels: int, factor: float) -> None:
    with pytest.raises(ValueError, match="kernels >= 1 and factor > 0"):
        mmd2(torch.zeros(2, 3), torch.zeros(2, 3), kernels=kernels, factor=factor)
