"""A tagger with its first weights: the pre-trained encoder and terminals drawn from the seed."""

import os

import torch

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_encoder

from .device import attention_kernel, draws_fast_masks
from .dropout import use_fast_masks
from .settings import RunSettings
from .tagger import MultiChannelTagger

KERNELS = 64
"""How many compiled kernels are kept, as each length of a batch has its own; a step has about thirty.

oneDNN's and torch's default of 1,024 each is 300 MB in two epochs of e5-small, scattered over the heap, where it keeps
twice as much from going back to the system. Fewer cost no time that could be measured.
"""


def build_tagger(
    encoder: EncoderFiles, num_labels: int, *, run: RunSettings, dropout: float, device: torch.device
) -> MultiChannelTagger:
    """A tagger on `device`, the same weights for the same seed.

    Raises UserError when the encoder cannot be read (see `load_encoder`) or has too few layers.
    """
    _make_deterministic(device)
    _keep_few_kernels()
    model = load_encoder(encoder, dropout=dropout)
    model.set_attn_implementation(attention_kernel(device))
    torch.manual_seed(run.seed)
    try:
        tagger = MultiChannelTagger(model, num_labels, frozen_layers=run.frozen_layers, dropout=dropout)
    except ValueError as error:
        raise UserError(f"encoder {encoder.name}: {error}") from error
    if draws_fast_masks(run.dropout_masks, device):
        use_fast_masks(tagger)
    if run.precision == "bf16":
        tagger.hold_frozen_matrices(torch.bfloat16)
    return tagger.to(device)


def _make_deterministic(device: torch.device) -> None:
    """The same seed gives the same weights: no kernel whose sums depend on timing."""
    if device.type == "cuda":
        # What cuBLAS asks for to be deterministic; read when its first handle is made.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Reading what nobody wrote would be an error of its own; filling every new tensor costs a tenth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _keep_few_kernels() -> None:
    """Read when a process's first product is computed; what the user has set stays."""
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(KERNELS))
