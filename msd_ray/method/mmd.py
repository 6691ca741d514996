"""Squared maximum mean discrepancy (Eq. 5): a distance between two sets of sentence vectors."""

import torch
from torch import Tensor


def mmd2(x: Tensor, y: Tensor, kernels: int = 5, factor: float = 2.0) -> Tensor:
    """Squared MMD of two batches of vectors (Eq. 5): biased estimator, sum of Gaussian kernels.

    G(u, v) = sum over i = 0..kernels-1 of `exp(-|u - v|^2 / (b * factor^(i - kernels // 2)))`. The bandwidth b is the
    mean of `|u - v|^2` over all pairs of different rows of both batches. It is a constant for the gradient: otherwise
    the student could reduce the distance by rescaling its vectors. The paper names a Gaussian kernel without its
    bandwidth.

    Args:
        x: (M, H), M >= 1.
        y: (N, H), N >= 1; M and N may differ.
        kernels: number of Gaussian kernels.
        factor: ratio of neighbouring bandwidths.

    Returns:
        A scalar >= 0 up to rounding (1e-6; 1e-5 with extreme outliers), in float32, also inside autocast; in float64
        if an input is float64. If all rows are equal (b = 0), value and gradient are zero. Pairs of equal rows add
        nothing to the gradient.

    Raises:
        ValueError: the inputs are not two non-empty matrices of equal width, or kernels < 1 or factor <= 0.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or 0 in (x.shape[0], y.shape[0]):
        raise ValueError(f"mmd2 needs rows (M, H) and (N, H), got {tuple(x.shape)} and {tuple(y.shape)}")
    if kernels < 1 or factor <= 0:
        raise ValueError(f"mmd2 needs kernels >= 1 and factor > 0, got {kernels} and {factor}")
    dtype = torch.float64 if torch.float64 in (x.dtype, y.dtype) else torch.float32
    distances = _squared_distances(torch.cat([x.to(dtype), y.to(dtype)]))  # (M+N, M+N)

    rows = len(distances)
    bandwidth = distances.detach().sum() / (rows * (rows - 1))
    bandwidth = torch.where(bandwidth > 0, bandwidth, 1.0)  # all rows equal: every kernel is 1, MMD is 0
    scaled = distances / bandwidth
    similarity = torch.stack([(-scaled / factor ** (i - kernels // 2)).exp() for i in range(kernels)]).sum(0)

    m = len(x)
    return similarity[:m, :m].mean() + similarity[m:, m:].mean() - 2 * similarity[:m, m:].mean()


def _squared_distances(rows: Tensor) -> Tensor:
    """|u - v|^2 of all pairs of rows, (R, H) -> (R, R), from the Gram matrix.

    |u|^2 + |v|^2 - 2uv takes one matrix product; direct differences need R * R * H numbers in memory and about
    twenty times as long. The formula cancels for rows far from the origin and close together, as sentence vectors
    are. So the origin is moved to the first row, which changes no distance and keeps rounding errors small compared
    with the bandwidths: a distance of zero may become a tiny number of either sign, and is an exact zero if all rows
    are equal. With TF32 enabled (`torch.set_float32_matmul_precision`) distances have three correct digits.
    """
    with torch.autocast(rows.device.type, enabled=False):  # autocast would multiply in half precision
        rows = rows - rows[0].detach()
        squares = rows.square().sum(dim=1)
        return squares[:, None] + squares[None, :] - 2 * rows @ rows.T
