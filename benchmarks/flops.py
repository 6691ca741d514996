"""Floating-point operations of training steps by formula, and the machine's rate for matrix products.

Counts the matrix products of a step: the forward pass of all layers, the backward pass of the trained ones, and the
terminals; a multiplication and an addition are two operations. Does not count padding, operations other than matrix
products (softmax, LayerNorm, GELU, dropout, AdamW) and the MMD's distances, which are few. So the number depends on the
text, not on the implementation of the steps.
"""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from msd_ray.data.encoders.layers import encoder_parts
from msd_ray.method.settings import Precision
from msd_ray.method.tagger import MultiChannelTagger

SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class TaggerShape:
    """The sizes that determine a tagger's operations per token.

    layers: L. frozen_layers: number of frozen ones among them. width: H. labels: C. weights: number of weights in a
    layer's matrices.
    """

    layers: int
    frozen_layers: int
    width: int
    labels: int
    weights: int

    @classmethod
    def of(cls, tagger: MultiChannelTagger) -> "TaggerShape":
        """Return the shape of a BERT-like tagger, whose layers have equal shapes."""
        layers = encoder_parts(tagger.encoder).layers
        _, labels, width = tagger.terminal_weight.shape
        return cls(
            layers=len(layers),
            frozen_layers=tagger.frozen_layers,
            width=width,
            labels=labels,
            weights=sum(parameter.numel() for parameter in layers[0].parameters() if parameter.ndim == 2),
        )


def training_flops(shape: TaggerShape, lengths: npt.NDArray[np.int64], *, terminals: bool) -> float:
    """Count the operations of the forward and backward pass over a batch.

    Args:
        shape: sizes of the tagger.
        lengths: (B,) sentence lengths in tokens.
        terminals: whether the channels' classifiers run; they do not on a student's source sentences.
    """
    tokens, pairs = int(lengths.sum()), int((lengths**2).sum())
    trained = shape.layers - shape.frozen_layers
    # Scores and their product with the values take 2 H operations each, per pair of tokens.
    layer = 2 * tokens * shape.weights + 4 * pairs * shape.width
    # The backward pass has two products for each one of the forward pass: the gradients of both factors. The input of
    # the lowest trained layer needs no gradient, so query, key and value need one product less there.
    flops = shape.layers * layer + 2 * trained * layer - 2 * tokens * 3 * shape.width**2
    if terminals:
        flops += 3 * 2 * tokens * trained * shape.width * shape.labels
    return float(flops)


@dataclass(frozen=True, kw_only=True)
class Product:
    """A matrix product, (rows, inner) x (inner, columns)."""

    rows: int
    inner: int
    columns: int

    def __str__(self) -> str:
        return f"{self.rows} x {self.inner} x {self.columns}"

    def rate(self, precision: Precision, device: torch.device) -> float:
        """Measure operations per second over at least `SECONDS`, after a warm-up."""
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        left = torch.randn(self.rows, self.inner, device=device).to(dtype)
        right = torch.randn(self.inner, self.columns, device=device).to(dtype)
        out = left @ right
        count = 1
        while True:
            _wait_for(device)
            started = time.perf_counter()
            for _ in range(count):
                torch.mm(left, right, out=out)
            _wait_for(device)
            taken = time.perf_counter() - started
            if taken >= SECONDS:
                return 2.0 * self.rows * self.inner * self.columns * count / taken
            count *= 2


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def encoder_products(tokens: int, width: int, square: int) -> tuple[Product, ...]:
    """Return a square product, and the two products of a feed-forward layer of inner width 4 `width` on a batch."""
    return (
        Product(rows=square, inner=square, columns=square),
        Product(rows=tokens, inner=width, columns=4 * width),
        Product(rows=tokens, inner=4 * width, columns=width),
    )
