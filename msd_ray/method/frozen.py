"""Output of the frozen layers, computed once per corpus, because training does not change it.

    DIRECTORY/states.npy  (N, H) for the N tokens of the corpus: float32, or bf16 (stored as int16) for bf16 trainings

Computed without dropout. With `RunSettings.frozen_prefix` "train" the frozen layers run in every step instead, with
the encoder's dropout, as in the paper.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from msd_ray.common.manifest import new_content
from msd_ray.data.batches import evaluation_batches
from msd_ray.data.tensors import TextTensors

from .evaluate import TOKENS_A_BATCH
from .settings import Precision
from .tagger import MultiChannelTagger

FILE = "states.npy"


def frozen_states(tagger: MultiChannelTagger, text: TextTensors, precision: Precision) -> Tensor:
    """Output of the frozen layers, (N, H), for all tokens of a corpus, in the run's precision, on the CPU.

    The caller sets evaluation mode, inference mode and autocast.
    """
    device = next(tagger.parameters()).device
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    found = torch.empty((text.tokens, tagger.terminal_weight.shape[2]), dtype=kind)
    for sentences in evaluation_batches(text.lengths, tokens=TOKENS_A_BATCH[device.type]):
        batch = text.batch(sentences)
        states = tagger.frozen_states(batch.input_ids, batch.attention_mask)
        inside = torch.ones_like(batch.input_ids) if batch.attention_mask is None else batch.attention_mask
        found[text.places(sentences).cpu()] = states[inside.bool()].to(device="cpu", dtype=kind)
    return found


def save_frozen_states(directory: Path, tagger: MultiChannelTagger, text: TextTensors, precision: Precision) -> None:
    """Write `frozen_states` (same modes) to a directory, atomically."""
    states = frozen_states(tagger, text, precision)
    with new_content(directory) as scratch:
        # NumPy has no bf16.
        np.save(scratch / FILE, (states.view(torch.int16) if precision == "bf16" else states).numpy())


def load_frozen_states(directory: Path, device: torch.device) -> Tensor:
    """Load what `save_frozen_states` wrote: memory-mapped on CPUs, copied on GPUs."""
    # Copy-on-write: torch requires writable memory, and writes must not reach the file.
    states = torch.from_numpy(np.load(directory / FILE, mmap_mode="c"))
    return (states.view(torch.bfloat16) if states.dtype == torch.int16 else states).to(device)
