"""Teacher outputs that distillation needs, computed once: soft labels and [CLS] vectors.

DIRECTORY/soft_labels.npy  (W, K, C) float32: probabilities of every channel for every encoded target word
DIRECTORY/source_cls.npy   (S, H) float32: the last layer's [CLS] vector of every source sentence
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from msd_ray.common.manifest import new_content
from msd_ray.data.batches import evaluation_batches
from msd_ray.data.tensors import TextTensors

from .evaluate import TOKENS_A_BATCH
from .tagger import MultiChannelTagger

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TeacherOutputs:
    """Outputs of a teacher; memory-mapped on CPUs, in device memory on GPUs.

    Args:
        soft_labels: (W, K, C) float32.
        source_cls: (S, H) float32.
    """

    soft_labels: Tensor
    source_cls: Tensor


def load_outputs(directory: Path, device: torch.device) -> TeacherOutputs:
    """Load what `save_outputs` wrote."""

    def read(name: str) -> Tensor:
        # Copy-on-write: torch requires writable memory, and writes must not reach the file.
        return torch.from_numpy(np.load(directory / name, mmap_mode="c")).to(device)

    return TeacherOutputs(soft_labels=read("soft_labels.npy"), source_cls=read("source_cls.npy"))


def save_outputs(directory: Path, teacher: MultiChannelTagger, target: TextTensors, source: TextTensors) -> None:
    """Run the teacher over both corpora and write its outputs to a directory, atomically.

    The caller sets evaluation mode, inference mode and autocast.
    """
    with new_content(directory) as scratch:
        np.save(scratch / "soft_labels.npy", soft_labels(teacher, target))
        np.save(scratch / "source_cls.npy", cls_vectors(teacher, source))


def save_mean_outputs(directory: Path, outputs: Sequence[Path]) -> None:
    """Write the mean of several teachers' soft labels and the first teacher's [CLS] vectors, atomically.

    [CLS] vectors are not averaged: the MMD losses compare domains in one teacher's representation.

    Args:
        directory: the new directory.
        outputs: directories of the teachers' outputs, the best teacher first.
    """
    labels = [np.load(path / "soft_labels.npy", mmap_mode="r") for path in outputs]
    with new_content(directory) as scratch:
        total = np.zeros(labels[0].shape, dtype=np.float64)
        for one in labels:
            total += one
        np.save(scratch / "soft_labels.npy", (total / len(labels)).astype(np.float32))
        np.save(scratch / "source_cls.npy", np.load(outputs[0] / "source_cls.npy", mmap_mode="r"))


def soft_labels(teacher: MultiChannelTagger, text: TextTensors) -> Float32:
    """Probabilities (W, K, C) of all channels at the first sub-token of every encoded word (Eq. 7)."""
    device = next(teacher.parameters()).device
    found: Float32 | None = None
    for sentences in evaluation_batches(text.lengths, tokens=TOKENS_A_BATCH[device.type]):
        batch = text.batch(sentences)
        logits = teacher(*batch.inputs).logits  # (K, B, T, C)
        probabilities = logits.float().softmax(dim=-1).permute(1, 2, 0, 3)[batch.word_mask]  # (w, K, C)
        if found is None:
            found = np.empty((text.words, *probabilities.shape[1:]), dtype=np.float32)
        found[batch.word_rows[batch.word_mask].cpu().numpy()] = probabilities.cpu().numpy()
    assert found is not None, "a corpus has sentences"
    return found


def cls_vectors(model: MultiChannelTagger, text: TextTensors, sentences: Int64 | None = None) -> Float32:
    """[CLS] vectors (S, H) of all sentences, or of those with the given indices, in their order."""
    device = next(model.parameters()).device
    chosen = np.arange(len(text.lengths)) if sentences is None else sentences
    found: Float32 | None = None
    for places in evaluation_batches(text.lengths[chosen], tokens=TOKENS_A_BATCH[device.type]):
        batch = text.batch(chosen[places])
        vectors = model.cls_vectors(*batch.inputs).float().cpu().numpy()
        if found is None:
            found = np.empty((len(chosen), vectors.shape[1]), dtype=np.float32)
        found[places] = vectors
    assert found is not None, "a corpus has sentences"
    return found
