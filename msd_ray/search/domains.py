"""Distances between the sentence vectors of two domains (Figure 4)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import special

from msd_ray.method.mmd import mmd2

Rows = npt.NDArray[np.float32] | npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DomainDistances:
    """Three measures of a pair of domains; for equal domains 0, 0 and 1."""

    mmd: float
    """Squared maximum mean discrepancy of the rows (Eq. 5), >= 0."""
    symmetric_kl: float
    """KL(p, q) + KL(q, p) in nats, p and q the softmax of the mean vectors, >= 0."""
    cosine: float
    """Cosine of the mean vectors, -1..1: a similarity, larger is closer."""


def domain_distances(x: Rows, y: Rows) -> DomainDistances:
    """Distances between the rows of two domains, computed in float64.

    MMD is `method.mmd.mmd2`, which training minimises (Eq. 13, 14), with five kernels and the bandwidth of these rows.
    The other two compare the domains' mean vectors (caption of Figure 4). The paper does not say how a vector becomes
    a distribution; here it is the softmax over its H numbers. The symmetric divergence is the sum of both directions,
    as defined by Jiang et al. 2020 (SMART), whom the paper cites.

    Args:
        x: (M, H) sentence vectors of one domain, M >= 1.
        y: (N, H) of the other, N >= 1; M and N may differ.

    Raises:
        ValueError: the inputs are not two non-empty matrices of equal width, a number is not finite, or a mean vector
            is zero and has no direction.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or 0 in (*x.shape, *y.shape):
        raise ValueError(f"domain distances need rows (M, H) and (N, H), got {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("domain distances need finite sentence vectors")
    left, right = x.astype(np.float64), y.astype(np.float64)
    p, q = left.mean(axis=0), right.mean(axis=0)
    lengths = float(np.linalg.norm(p) * np.linalg.norm(q))
    if lengths == 0:
        raise ValueError("a domain's mean vector is zero and has no direction")
    log_p, log_q = special.log_softmax(p), special.log_softmax(q)
    return DomainDistances(
        mmd=max(0.0, float(mmd2(torch.from_numpy(left), torch.from_numpy(right)))),  # rounding may fall below zero
        symmetric_kl=float(((np.exp(log_p) - np.exp(log_q)) * (log_p - log_q)).sum()),
        cosine=min(1.0, max(-1.0, float(p @ q) / lengths)),
    )
