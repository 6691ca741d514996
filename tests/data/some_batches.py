"""Lengths to make batches of, and batches to compare."""

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


def some_lengths(count: int, seed: int = 0) -> Int64:
    """Lengths as sentences have them: many short ones, few long ones."""
    return np.clip(np.random.default_rng(seed).gamma(4.0, 6.0, size=count), 3, 128).astype(np.int64)


def as_lists(batches: list[Int64]) -> list[list[int]]:
    return [batch.tolist() for batch in batches]
