"""The device that a worker trains on: precision, attention kernel, dropout masks."""

from typing import TYPE_CHECKING, Literal, cast

import torch

from msd_ray.common.errors import UserError

from .settings import DropoutMasks, Precision

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# CPU instructions that multiply bf16 matrices faster than fp32 ones.
BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def best_precision(device: torch.device) -> Precision:
    """bf16 if the hardware multiplies bf16 matrices faster than fp32 ones, else fp32.

    Decided by capabilities, not by a measurement: that could come out differently after a restart and change the
    weights.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    capabilities = torch.cpu.get_capabilities()
    return "bf16" if any(capabilities.get(name) for name in BF16_INSTRUCTIONS) else "fp32"


def resolve_precision(requested: str, device: torch.device) -> Precision:
    """Resolve `auto` to the device's best precision.

    Raises:
        UserError: `requested` is not auto, fp32 or bf16.
    """
    if requested == "auto":
        return best_precision(device)
    if requested not in ("fp32", "bf16"):
        raise UserError(f"precision {requested!r} is unknown. Choose auto, fp32 or bf16.")
    return cast(Precision, requested)


def attention_kernel(device: torch.device) -> Literal["sdpa", "eager"]:
    """The encoder's attention: torch's fused kernel on GPUs, plain matrix products on CPUs.

    On CPUs the fused kernel has no fast path with dropout, and none for bf16.
    """
    return "sdpa" if device.type == "cuda" else "eager"


def use_attention_kernel(encoder: "PreTrainedModel", device: torch.device) -> None:
    """Set the encoder's attention for a device; DeBERTa has its own, which is kept."""
    if encoder._supports_sdpa:
        encoder.set_attn_implementation(attention_kernel(device))


def draws_fast_masks(masks: DropoutMasks, device: torch.device) -> bool:
    """Whether dropout uses the masks of `method.dropout`: on CPUs only, because a GPU's generator is fast."""
    return masks == "fast" and device.type == "cpu"


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """The autocast context of forward passes."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
