"""An estimate of what a student's training takes in memory, against what there is. Nothing is run for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from msd_ray.data.encoders.layers import encoder_parts

from .cluster import Room, Wanted, workers_on
from .disk import size
from .finding import Finding, failed, passed, warned
from .node import NodeReport

NAME = "memory"
FLOAT = 4
PROCESS_BYTES = 1_000_000_000
"""Python with torch, transformers and Ray in a worker; on a GPU its context, libraries' workspaces and fragments."""
PAIR = 2
"""A student's step encodes as many source sentences as target sentences."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """An encoder as memory sees it: parameters in all and in the trained layers, widths, how many are trained."""

    parameters: int
    trained: int
    hidden: int
    inner: int
    heads: int
    layers: int

    @classmethod
    def of(cls, model: PreTrainedModel, frozen_layers: int) -> "Shape":
        """The shape of an encoder, weights or not. Raises UserError for a structure that is not known."""
        layers = encoder_parts(model).layers[frozen_layers:]
        config = model.config
        return cls(
            parameters=_count(model),
            trained=_count(layers),
            hidden=int(config.hidden_size),
            inner=int(getattr(config, "intermediate_size", 4 * config.hidden_size)),
            heads=int(config.num_attention_heads),
            layers=len(layers),
        )

    @property
    def checkpoint(self) -> int:
        """Bytes of what is trained."""
        return FLOAT * self.trained


def activations(shape: Shape, *, sentences: int, length: int, fused_attention: bool) -> int:
    """Bytes that the trained layers keep of a forward pass for the backward one, in fp32.

    A layer keeps its input, query, key, value, the attention's output, two sums before LayerNorm with what that keeps,
    and the inner layer before and after its activation; plain attention keeps scores, their softmax and its dropout,
    too. Checked against what autograd keeps in `tests/doctor/test_memory.py`.
    """
    tokens = sentences * length
    wide = 8 * shape.hidden + 2 * shape.inner
    scores = 0 if fused_attention else 3 * shape.heads * length
    return FLOAT * shape.layers * tokens * (wide + scores)


def training_bytes(shape: Shape, *, batch_size: int, length: int, gpu: bool) -> int:
    """Bytes of one worker: weights, gradients, AdamW's two moments, activations, and the process around them."""
    weights = FLOAT * (shape.parameters + 3 * shape.trained)
    kept = activations(shape, sentences=PAIR * batch_size, length=length, fused_attention=gpu)
    return weights + kept + PROCESS_BYTES


def worker_memory(
    where: str, shape: Shape, report: NodeReport, room: Room, wanted: Wanted, *, batch_size: int, length: int
) -> Iterator[Finding]:
    """Of each worker on a machine where as many run at once as fit; nothing is said where none does.

    batch_size: of a step; the workers of a trial share it.
    """
    at_once = workers_on(room, wanted)
    if at_once < 1:
        return
    gpu = wanted.gpus > 0
    needed = training_bytes(shape, batch_size=-(-batch_size // wanted.workers), length=length, gpu=gpu)
    if gpu and report.gpus:
        least = min(report.gpus, key=lambda one: one.total)
        yield from memory_finding(f"{where}: {least.name}", needed, int(least.total * min(wanted.gpus, 1.0)), gpu=True)
    elif gpu:
        yield warned(
            NAME,
            f"{where}: the memory of its {room.gpus:g} GPUs is unknown, nvidia-smi is not there; a worker takes about "
            f"{size(needed)} (estimated)",
            "compare with what the GPUs have",
        )
    else:
        yield from memory_finding(where, needed, report.memory // at_once, gpu=False)


def memory_finding(where: str, needed: int, available: int, *, gpu: bool) -> Iterator[Finding]:
    """Of `needed` bytes that a worker is estimated to take and what `where` can give each."""
    kind = "GPU memory" if gpu else "memory"
    seen = f"{where}: a worker takes about {size(needed)} of {kind} (estimated), there is {size(available)} for each"
    advice = "lower --batch-size or --max-length, take more --workers a trial, or fewer trials at once"
    if needed > 1.5 * available:
        yield failed(NAME, seen, advice)
    elif needed > 0.9 * available:
        yield warned(NAME, seen, advice)
    else:
        yield passed(NAME, seen)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
