"""Maximum mean discrepancy between two sets of sentence vectors (Eq. 5), a distance of distributions."""

import torch
from torch import Tensor


def mmd2(x: Tensor, y: Tensor, kernels: int = 5, factor: float = 2.0) -> Tensor:
    """Squared MMD of two batches of rows (Eq. 5), biased estimator, with a sum of Gaussian kernels.

    G(u, v) = sum over i = 0..kernels-1 of exp(-|u - v|^2 / (b * factor^(i - kernels // 2))), where b is the
    mean of |u - v|^2 over all pairs of different rows of the joint batch. b is a constant for the gradient:
    otherwise the student could lower the distance by changing the scale on which it is measured.

    Args:
        x: (M, H) rows of the one distribution, M >= 1.
        y: (N, H) rows of the other, N >= 1; M and N may differ.
        kernels: number of Gaussian kernels.
        factor: ratio of neighbouring bandwidths.

    Returns:
        A scalar >= 0 up to rounding (1e-6, with extreme outliers 1e-5), in float32, also inside autocast; in
        float64 if an input is float64. Where all rows are the same (b = 0), value and gradient are zero; rows
        that coincide are at a minimum of their distance and add nothing to the gradient.

    Raises:
        ValueError: the inputs are not two non-empty matrices of one width, or the kernels make no sense.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or 0 in (x.shape[0], y.shape[0]):
        raise ValueError(f"mmd2 needs rows (M, H) and (N, H), got {tuple(x.shape)} and {tuple(y.shape)}")
    if kernels < 1 or factor <= 0:
        raise ValueError(f"mmd2 needs kernels >= 1 and factor > 0, got {kernels} and {factor}")
    dtype = torch.float64 if torch.float64 in (x.dtype, y.dtype) else torch.float32
    distances = _squared_distances(torch.cat([x.to(dtype), y.to(dtype)]))  # (M+N, M+N)

    rows = len(distances)
    bandwidth = distances.detach().sum() / (rows * (rows - 1))
    bandwidth = torch.where(bandwidth > 0, bandwidth, 1.0)  # all rows the same: every kernel is 1, MMD is 0
    scaled = distances / bandwidth
    similarity = torch.stack([(-scaled / factor ** (i - kernels // 2)).exp() for i in range(kernels)]).sum(0)

    m = len(x)
    return similarity[:m, :m].mean() + similarity[m:, m:].mean() - 2 * similarity[:m, m:].mean()


def _squared_distances(rows: Tensor) -> Tensor:
    """|u - v|^2 of all pairs of rows, (R, H) -> (R, R), from the Gram matrix.

    |u|^2 + |v|^2 - 2uv takes one matrix product where direct differences take R * R * H numbers in memory
    and some twenty times as long, but it cancels when the rows lie far from the origin and close together,
    which sentence vectors do. Moving the origin to one of the rows changes no distance and removes that: the
    squared lengths are then themselves squared distances, and rounding errors small beside the kernels'
    bandwidths (a distance of zero may come out as a tiny number of either sign; where all rows are the same,
    all are exact zeros). With TF32 products switched on (`torch.set_float32_matmul_precision`) distances are
    good to three digits.
    """
    with torch.autocast(rows.device.type, enabled=False):  # it would take the product in half precision
        rows = rows - rows[0].detach()
        squares = rows.square().sum(dim=1)
        return squares[:, None] + squares[None, :] - 2 * rows @ rows.T
