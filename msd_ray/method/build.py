"""Build a tagger with its initial weights: the pre-trained encoder, and terminals drawn from the seed."""

import os

import torch

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_encoder

from .device import draws_fast_masks, use_attention_kernel
from .dropout import use_fast_masks
from .settings import RunSettings
from .tagger import MultiChannelTagger

KERNELS = 64
"""Capacity of oneDNN's and torch's kernel caches. Each batch length has its own kernels, about thirty per step.

The default of 1,024 each takes 300 MB in two epochs of e5-small and fragments the heap, which keeps twice as much from
being returned to the system. The smaller capacity cost no measurable time.
"""


def build_tagger(
    encoder: EncoderFiles, num_labels: int, *, run: RunSettings, dropout: float, device: torch.device
) -> MultiChannelTagger:
    """Build a tagger on `device`; the same seed gives the same weights.

    Args:
        encoder: files of the pre-trained encoder.
        num_labels: C.
        run: seed, frozen layers, precision and dropout masks.
        dropout: probability in encoder, attention and terminals, 0 <= p < 1.
        device: where the tagger is trained or used.

    Raises:
        UserError: the encoder cannot be loaded (see `load_encoder`) or has too few layers.
    """
    _make_deterministic(device)
    _keep_few_kernels()
    model = load_encoder(encoder, dropout=dropout)
    use_attention_kernel(model, device)
    torch.manual_seed(run.seed)
    try:
        tagger = MultiChannelTagger(model, num_labels, frozen_layers=run.frozen_layers, dropout=dropout)
    except ValueError as error:
        raise UserError(f"encoder {encoder.name}: {error}") from error
    if draws_fast_masks(run.dropout_masks, device):
        use_fast_masks(tagger)
    if run.precision == "bf16":
        tagger.cast_frozen_matrices(torch.bfloat16)
    return tagger.to(device)


def _make_deterministic(device: torch.device) -> None:
    """Select kernels whose sums do not depend on timing, so that the same seed gives the same weights."""
    if device.type == "cuda":
        # cuBLAS requires this to be deterministic, and reads it when its first handle is created.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling uninitialised memory costs a tenth of a step, and no code here reads any.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _keep_few_kernels() -> None:
    """Limit the kernel caches, unless the user has; read at a process's first matrix product."""
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(KERNELS))
