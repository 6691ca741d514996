"""Dropout for CPUs, with masks drawn about ten times as fast as torch's.

torch draws a mask element by element in one thread, which takes a quarter of a training step. Here NumPy's SFC64
generates 64-bit words, four elements each: an element is kept if its 16 bits, read as a number, reach a threshold. So
the probability is exact to 2^-17, and no bit is used twice.

Every mask has its own generator, seeded by one number from torch's generator. So torch's seed determines the masks,
restoring torch's generator restores them, and the number of threads does not change them.
"""

import inspect
import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import eager_mask
from transformers.models.bert.modeling_bert import eager_attention_forward

ATTENTION = "eager-fast-dropout"
_STEPS = 1 << 16


def dropout(x: Tensor, p: float) -> Tensor:
    """Set elements of `x` to 0 with probability `p` and scale the others by 1 / (1 - p).

    Args:
        x: any shape.
        p: 0 <= p < 1.
    """
    if p == 0.0:
        return x
    seed = int(torch.empty((), dtype=torch.int64).random_())
    return _Masked.apply(x, keep_mask(x.shape, p, seed), 1.0 / (1.0 - p))  # type: ignore[no-any-return, no-untyped-call]


def keep_mask(shape: torch.Size, p: float, seed: int) -> Tensor:
    """Mask of the elements to keep: int8, 1 with probability 1 - p, else 0; determined by `seed`."""
    count = shape.numel()
    bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.uint16)[:count]
    threshold = min(round(p * _STEPS), _STEPS - 1)
    return torch.from_numpy((bits >= np.uint16(threshold)).view(np.int8)).view(shape)


class _Masked(torch.autograd.Function):
    """x * mask * scale; stores one byte per element for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return _scaled(x, mask, scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _scaled(gradient, ctx.saved_tensors[0], ctx.scale), None, None


def _scaled(x: Tensor, mask: Tensor, scale: float) -> Tensor:
    # One dtype and in place: mixed dtypes cost torch twenty times as much on a CPU.
    return mask.to(x.dtype).mul_(scale).mul_(x)


class FastDropout(nn.Dropout):
    """`nn.Dropout` with the masks of this module."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the argument's name in torch
        """Apply dropout in training mode."""
        return dropout(input, self.p) if self.training else input


def use_fast_masks(model: nn.Module) -> None:
    """Replace every `nn.Dropout` in a model, and the dropout on its encoders' attention weights.

    Encoders whose attention is not transformers' plain attention function keep their attention dropout.
    """
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, FastDropout(child.p).train(child.training))
        if isinstance(module, PreTrainedModel) and module.config._attn_implementation == "eager" and _is_plain(module):
            module.set_attn_implementation(ATTENTION)


def _is_plain(encoder: PreTrainedModel) -> bool:
    """Whether the encoder's plain attention equals BERT's line by line: most model families copy it."""
    own = getattr(sys.modules[type(encoder).__module__], "eager_attention_forward", None)
    return own is not None and inspect.getsource(own) == inspect.getsource(eager_attention_forward)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, Tensor]:
    """transformers' plain attention with `dropout`. query, key, value: (B, heads, T, D)."""
    scores = torch.matmul(query, key.transpose(2, 3)) * (query.size(-1) ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores + attention_mask
    if not module.training:
        weights = nn.functional.softmax(scores, dim=-1)
    else:
        # On CPUs torch's softmax over rows of sentence length is four times as fast in fp32 as in bf16. Dropout runs in
        # the dtype of the following product, to which autocast would convert: half the bytes.
        weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype)
        weights = dropout(weights, options.get("dropout", 0.0))
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, eager_mask)
