"""The device a worker trains on, and what it is good at."""

from typing import Literal, cast

import torch

from msd_ray.common.errors import UserError

from .settings import DropoutMasks, Precision

# Instructions with which a processor multiplies bf16 matrices faster than fp32 ones.
BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def best_precision(device: torch.device) -> Precision:
    """bf16 where the hardware gains from it, else fp32. Asks what the hardware has; measures nothing.

    A measurement could come out differently on a restart, and with it the weights.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    capabilities = torch.cpu.get_capabilities()
    return "bf16" if any(capabilities.get(name) for name in BF16_INSTRUCTIONS) else "fp32"


def resolve_precision(requested: str, device: torch.device) -> Precision:
    """`auto` becomes the device's best. Raises UserError for another name than auto, fp32, bf16."""
    if requested == "auto":
        return best_precision(device)
    if requested not in ("fp32", "bf16"):
        raise UserError(f"precision {requested!r} is unknown; choose auto, fp32 or bf16")
    return cast(Precision, requested)


def attention_kernel(device: torch.device) -> Literal["sdpa", "eager"]:
    """The encoder's attention: torch's fused kernel on a GPU, plain products on a processor.

    On processors the fused kernel has no fast path with dropout, and in bf16 none at all.
    """
    return "sdpa" if device.type == "cuda" else "eager"


def draws_fast_masks(masks: DropoutMasks, device: torch.device) -> bool:
    """Whether dropout draws the masks of `model.dropout`. A GPU's own generator is fast."""
    return masks == "fast" and device.type == "cpu"


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """The context in which forward passes run."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
