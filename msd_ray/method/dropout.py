"""Dropout for processors, with masks that are drawn about ten times as fast as torch's.

torch draws a mask number by number in one thread: a quarter of a training step. Here NumPy's SFC64 makes words of 64
random bits, four elements each: an element is kept if its 16 bits, as a number, reach a threshold. So the probability
is exact to 2^-17, and no bit decides twice.

Every mask has a generator of its own, seeded by one number from torch's: torch's seed decides the masks as it decides
torch's own, whoever restores torch's generator restores them, and the number of threads changes none.
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
    """`x` (any shape) with elements set to 0 with probability `p` (0 <= p < 1) and the others scaled by 1 / (1 - p)."""
    if p == 0.0:
        return x
    seed = int(torch.empty((), dtype=torch.int64).random_())
    return _Masked.apply(x, kept(x.shape, p, seed), 1.0 / (1.0 - p))  # type: ignore[no-any-return, no-untyped-call]


def kept(shape: torch.Size, p: float, seed: int) -> Tensor:
    """Which elements stay: int8 of `shape`, 1 with probability 1 - p and 0 else; the same for the same seed."""
    count = shape.numel()
    bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.uint16)[:count]
    threshold = min(round(p * _STEPS), _STEPS - 1)
    return torch.from_numpy((bits >= np.uint16(threshold)).view(np.int8)).view(shape)


class _Masked(torch.autograd.Function):
    """x * kept * scale. One byte per element is held for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return _scaled(x, kept, scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _scaled(gradient, ctx.saved_tensors[0], ctx.scale), None, None


def _scaled(x: Tensor, kept: Tensor, scale: float) -> Tensor:
    # Of one type and in place: mixed types cost torch twenty times as much on a processor.
    return kept.to(x.dtype).mul_(scale).mul_(x)


class FastDropout(nn.Dropout):
    """`nn.Dropout` with the masks of this module."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the argument's name in torch
        """Drop elements in training."""
        return dropout(input, self.p) if self.training else input


def use_fast_masks(model: nn.Module) -> None:
    """Let the dropout of a model draw these masks: every `nn.Dropout` in it, and its encoders' attention weights.

    An encoder whose attention does not run through transformers' plain attention function keeps its own.
    """
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, FastDropout(child.p).train(child.training))
        if isinstance(module, PreTrainedModel) and module.config._attn_implementation == "eager" and _is_plain(module):
            module.set_attn_implementation(ATTENTION)


def _is_plain(encoder: PreTrainedModel) -> bool:
    """Whether its plain attention is BERT's, line by line: families copy it, and few change it."""
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
    """transformers' plain attention, which finds its probability in `dropout`. query, key, value: (B, heads, T, D)."""
    scores = torch.matmul(query, key.transpose(2, 3)) * (query.size(-1) ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores + attention_mask
    if not module.training:
        weights = nn.functional.softmax(scores, dim=-1)
    else:
        # On processors torch's softmax over rows as short as sentences is four times as fast in fp32 as in bf16. Masked
        # in the type of the product that follows, as autocast would make it: half the bytes.
        weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype)
        weights = dropout(weights, options.get("dropout", 0.0))
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, eager_mask)
