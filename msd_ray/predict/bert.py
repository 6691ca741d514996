"""Forward pass of BERT's and RoBERTa's token classification models, without importing transformers.

Importing transformers and its models takes longer than tagging a page of text. Weights are mapped into memory, so that
only the embeddings of pieces that occur are read. `tests/predict/test_bert.py` compares logits with transformers'.

Shapes: B sentences, T tokens, H hidden size, C classes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from safetensors import SafetensorError, safe_open
from torch import Tensor

PREFIXES = {"bert": "bert", "electra": "electra"} | dict.fromkeys(("roberta", "xlm-roberta", "camembert"), "roberta")
"""Prefix of the encoder's tensors by model_type; these families differ in their positions alone."""
SETTINGS = ("num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps", "pad_token_id")
"""What config.json must state: defaults are transformers'."""
UNUSUAL = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
"""Settings that change the computation, with the value that this module implements."""
EMBEDDINGS = ("word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight")
LINEAR = ("attention.output.dense", "intermediate.dense", "output.dense")
NORMS = ("attention.output.LayerNorm", "output.LayerNorm")

Linear = tuple[Tensor, Tensor]
"""Weight and bias."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Weights of a layer. qkv: query, key and value, one after another."""

    qkv: Linear
    attended: Linear
    attended_norm: Linear
    inner: Linear
    outer: Linear
    norm: Linear


@dataclass(frozen=True, kw_only=True)
class BertClassifier:
    """A token classification model.

    Args:
        words, positions, types: embeddings; types: (H,), that of the first segment.
        roberta: whether positions are counted from `pad_id` + 1, without padding.
        heads: number of attention heads.
        epsilon: of LayerNorm.
    """

    words: Tensor
    positions: Tensor
    types: Tensor
    norm: Linear
    layers: tuple[Layer, ...]
    classifier: Linear
    heads: int
    epsilon: float
    pad_id: int
    roberta: bool

    @property
    def most_tokens(self) -> int:
        """Maximum tokens per sentence."""
        return len(self.positions) - (self.pad_id + 1 if self.roberta else 0)

    def logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """(B, T, C) float32. attention_mask: (B, T), 0 at padding; None without padding."""
        states = self._embed(input_ids)
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        for layer in self.layers:
            states = self._layer(layer, states, mask)
        return _linear(states, self.classifier).float()

    def _embed(self, input_ids: Tensor) -> Tensor:
        if self.roberta:
            real = (input_ids != self.pad_id).long()
            places = real.cumsum(dim=1) * real + self.pad_id
        else:
            places = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = F.embedding(input_ids, self.words) + self.types + F.embedding(places, self.positions)
        return self._normalised(states, self.norm)

    def _layer(self, layer: Layer, states: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, width = states.shape
        parts = _linear(states, layer.qkv).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (B, heads, T, H / heads)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(batch, length, width)
        states = self._normalised(_linear(mixed, layer.attended) + states, layer.attended_norm)
        inner = F.gelu(_linear(states, layer.inner))
        return self._normalised(_linear(inner, layer.outer) + states, layer.norm)

    def _normalised(self, states: Tensor, norm: Linear) -> Tensor:
        return F.layer_norm(states, states.shape[-1:], *norm, self.epsilon)


def read_bert(directory: Path, labels: int, *, dtype: torch.dtype, device: torch.device) -> BertClassifier | None:
    """Read config.json and model.safetensors; None if this module does not implement what they define.

    Args:
        directory: of an exported student in format 2.
        labels: number of classes.
        dtype: of matrices; LayerNorm and sums are float32.
        device: where the weights are used.
    """
    try:
        config = json.loads((directory / "config.json").read_bytes())
        if not _implemented(config):
            return None
        with safe_open(directory / "model.safetensors", framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dictionary
    except (OSError, SafetensorError, ValueError, RecursionError):
        return None
    shapes = dict(_shapes(tensors, config, labels))
    if {name: (tuple(value.shape), value.dtype) for name, value in tensors.items()} != shapes:
        return None
    return _classifier(tensors, config, dtype, device)


def _implemented(config: Mapping[str, Any]) -> bool:
    sizes = [config.get(name) for name in ("num_hidden_layers", "num_attention_heads", "pad_token_id")]
    return (
        str(config.get("model_type")) in PREFIXES
        and all(isinstance(size, int) and size >= 0 for size in sizes)
        and isinstance(config.get("layer_norm_eps"), float)
        and config.get("hidden_act") == "gelu"
        and all(config.get(name, value) == value for name, value in UNUSUAL.items())
    )


def _shapes(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any], labels: int
) -> Iterator[tuple[str, tuple[tuple[int, ...], torch.dtype]]]:
    """Name, shape and type of every tensor that the model has; sizes are those of three of its tensors."""
    prefix = PREFIXES[config["model_type"]]
    rows = [tensors.get(f"{prefix}.embeddings.{name}", torch.empty(0, 0)) for name in EMBEDDINGS]
    hidden = rows[0].shape[-1]
    if config["num_attention_heads"] < 1 or hidden % config["num_attention_heads"] or hidden == 0:
        return
    inner = len(tensors.get(f"{prefix}.encoder.layer.0.intermediate.dense.bias", ()))
    found: dict[str, tuple[int, ...]] = {
        **{f"{prefix}.embeddings.{name}": (len(row), hidden) for name, row in zip(EMBEDDINGS, rows, strict=True)},
        **_of_norm(f"{prefix}.embeddings.LayerNorm", hidden),
        **_of_linear("classifier", labels, hidden),
    }
    for number in range(config["num_hidden_layers"]):
        layer = f"{prefix}.encoder.layer.{number}"
        for name in ("query", "key", "value"):
            found |= _of_linear(f"{layer}.attention.self.{name}", hidden, hidden)
        for name, size in zip(LINEAR, ((hidden, hidden), (inner, hidden), (hidden, inner)), strict=True):
            found |= _of_linear(f"{layer}.{name}", *size)
        for name in NORMS:
            found |= _of_norm(f"{layer}.{name}", hidden)
    yield from ((name, (shape, torch.float32)) for name, shape in found.items())


def _of_linear(name: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _of_norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _classifier(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any], dtype: torch.dtype, device: torch.device
) -> BertClassifier:
    prefix = PREFIXES[config["model_type"]]

    def pair(name: str, kind: torch.dtype = dtype) -> Linear:
        return tensors[f"{name}.weight"].to(device, kind), tensors[f"{name}.bias"].to(device, kind)

    def layer(name: str) -> Layer:
        parts = [pair(f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        attended, inner, outer = (pair(f"{name}.{part}") for part in LINEAR)
        attended_norm, norm = (pair(f"{name}.{part}", torch.float32) for part in NORMS)
        return Layer(
            qkv=(torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts])),
            attended=attended,
            attended_norm=attended_norm,
            inner=inner,
            outer=outer,
            norm=norm,
        )

    words, positions, types = (tensors[f"{prefix}.embeddings.{name}"].to(device) for name in EMBEDDINGS)
    return BertClassifier(
        words=words,
        positions=positions,
        types=types[0],
        norm=pair(f"{prefix}.embeddings.LayerNorm", torch.float32),
        layers=tuple(layer(f"{prefix}.encoder.layer.{number}") for number in range(config["num_hidden_layers"])),
        classifier=pair("classifier"),
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
        pad_id=config["pad_token_id"],
        roberta=prefix == "roberta",
    )


def _linear(states: Tensor, linear: Linear) -> Tensor:
    return F.linear(states.to(linear[0].dtype), *linear)
