"""The mean of several taggers' weights.

Taggers that were trained from the same first weights often lie in one basin, and the mean of their weights is better
than each of them: Schmidt, Vulic and Glavas 2023 (arXiv 2305.16834, 2310.10532) for zero-shot cross-lingual transfer.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def mean_weights(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor, computed in float64, in the tensors' own types.

    Raises:
        ValueError: no weights, or weights of different taggers.
    """
    if not weights:
        raise ValueError("the mean of no weights")
    first = weights[0]
    if any(other.keys() != first.keys() for other in weights):
        raise ValueError("weights of different taggers have no mean")
    return {
        name: torch.stack([other[name].double() for other in weights]).mean(dim=0).to(tensor.dtype)
        for name, tensor in first.items()
    }
