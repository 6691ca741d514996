"""Inputs of the losses' tests: K channels, B sentences, T tokens, C classes, some labels ignored."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Gradient = Callable[[Callable[[Array], float], Array], Array]

K, B, T, C = 3, 2, 4, 5
WEIGHTS = np.array([0.3, 0.7])
LABELS = np.array([[-100, 0, -100, 4], [2, -100, 1, -100]])


def make_logits(seed: int = 0, channels: int = K) -> Array:
    return np.random.default_rng(seed).normal(scale=2.0, size=(channels, B, T, C))


def make_probs(seed: int = 1, channels: int = K) -> Array:
    return np.random.default_rng(seed).dirichlet(np.ones(C), size=(channels, B, T))


def leaf(values: Array) -> Tensor:
    return torch.tensor(values, requires_grad=True)


def gradient_of(tensor: Tensor) -> Array:
    assert tensor.grad is not None
    result: Array = tensor.grad.double().numpy()
    return result
