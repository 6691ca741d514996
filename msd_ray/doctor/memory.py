"""Estimate the memory of a student's training, without running it, and compare it with the available memory."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from msd_ray.data.encoders.layers import encoder_parts
from msd_ray.search.on_ray.resources import Resources, Room, workers_on

from .disk import size
from .finding import Finding, failed, passed, warned
from .node import NodeReport

NAME = "memory"
FLOAT = 4
PROCESS_BYTES = 1_000_000_000
"""Python with torch, transformers and Ray in a worker; on a GPU context, workspaces and fragmentation."""
PAIR = 2
"""Sentences encoded per target sentence: a student's step adds as many source sentences."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of an encoder that determine memory: all and trained parameters, widths, number of trained layers."""

    parameters: int
    trained: int
    hidden: int
    inner: int
    heads: int
    layers: int

    @classmethod
    def of(cls, model: PreTrainedModel, frozen_layers: int) -> "Shape":
        """Shape of an encoder, with or without weights. Raises UserError for an unknown structure."""
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
        """Bytes of the trained parameters."""
        return FLOAT * self.trained


def activations(shape: Shape, *, sentences: int, length: int, fused_attention: bool) -> int:
    """Bytes of the activations that the trained layers save for the backward pass, in fp32.

    A layer saves its input, query, key, value, the attention's output, two sums before LayerNorm with its statistics,
    and the inner layer before and after its activation; unfused attention also saves scores, softmax and dropout.
    `tests/doctor/test_memory.py` compares this with the tensors that autograd saves.
    """
    tokens = sentences * length
    wide = 8 * shape.hidden + 2 * shape.inner
    scores = 0 if fused_attention else 3 * shape.heads * length
    return FLOAT * shape.layers * tokens * (wide + scores)


def training_bytes(shape: Shape, *, batch_size: int, length: int, gpu: bool) -> int:
    """Bytes of one worker: weights, gradients, AdamW's two moments, activations, and the process itself."""
    weights = FLOAT * (shape.parameters + 3 * shape.trained)
    saved = activations(shape, sentences=PAIR * batch_size, length=length, fused_attention=gpu)
    return weights + saved + PROCESS_BYTES


def worker_memory(
    where: str, shape: Shape, report: NodeReport, room: Room, wanted: Resources, *, batch_size: int, length: int
) -> Iterator[Finding]:
    """Compare the memory of a worker with its share of a machine that runs as many workers as fit.

    batch_size: sentences per step, shared by the workers of a trial.
    """
    at_once = workers_on(room, wanted)
    if at_once < 1:
        return
    gpu = wanted.gpus > 0
    needed = training_bytes(shape, batch_size=-(-batch_size // wanted.processes), length=length, gpu=gpu)
    if gpu and report.gpus:
        least = min(report.gpus, key=lambda one: one.total)
        yield from memory_finding(f"{where}: {least.name}", needed, int(least.total * min(wanted.gpus, 1.0)), gpu=True)
    elif gpu:
        yield warned(
            NAME,
            f"{where}: the memory of its {room.gpus:g} GPUs is unknown, nvidia-smi is not installed; "
            f"a worker takes about {size(needed)} (estimated)",
            "compare this with the memory of the GPUs",
        )
    else:
        yield from memory_finding(where, needed, report.memory // at_once, gpu=False)


def memory_finding(where: str, needed: int, available: int, *, gpu: bool) -> Iterator[Finding]:
    """Compare the `needed` bytes of a worker, an estimate, with the `available` bytes per worker."""
    kind = "GPU memory" if gpu else "memory"
    seen = f"{where}: a worker takes about {size(needed)} of {kind} (estimated), there is {size(available)} for each"
    advice = "lower --batch-size or --max-length, use more --workers per trial, or fewer concurrent trials"
    if needed > 1.5 * available:
        yield failed(NAME, seen, advice)
    elif needed > 0.9 * available:
        yield warned(NAME, seen, advice)
    else:
        yield passed(NAME, seen)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
