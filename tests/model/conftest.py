"""What the tests of tensor functions share: gradients of their NumPy twins."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float64]
Gradient = Callable[[Callable[[Array], float], Array], Array]


@pytest.fixture
def numerical_gradient() -> Gradient:
    """Gradient of a function of one float64 array, by central differences, one entry at a time."""

    def gradient(function: Callable[[Array], float], point: Array, step: float = 1e-5) -> Array:
        result = np.zeros_like(point)
        for index in np.ndindex(point.shape):
            above, below = point.copy(), point.copy()
            above[index] += step
            below[index] -= step
            result[index] = (function(above) - function(below)) / (2 * step)
        return result

    return gradient
