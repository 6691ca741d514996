"""Embeddings and layers of an encoder, in order."""

import inspect
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from msd_ray.common.errors import UserError

# Paths of the layers: BERT, RoBERTa, XLM-R, ELECTRA, DeBERTa and similar models; DistilBERT; ModernBERT.
_LAYER_PATHS = ("encoder.layer", "transformer.layer", "layers")
FAMILIES = "use a BERT, RoBERTa, XLM-RoBERTa, ELECTRA, DistilBERT, DeBERTa-v2 or ModernBERT encoder"


@dataclass(frozen=True, kw_only=True)
class EncoderParts:
    """Parts of an encoder.

    Args:
        embeddings: called as `embeddings(input_ids=...)`, returns (B, T, H).
        layers: the layers, lowest first.
        shared: modules with parameters that several layers use (DeBERTa's relative positions), or that follow the
            embeddings (ELECTRA's projection).
        layer_by_layer: whether the layers can be called as `layer(hidden, attention_mask)` and, run in sequence, equal
            the whole model.
    """

    embeddings: nn.Module
    layers: nn.ModuleList
    shared: tuple[nn.Module, ...]
    layer_by_layer: bool


def encoder_parts(model: PreTrainedModel) -> EncoderParts:
    """Embeddings and layers of an encoder without heads.

    Raises:
        UserError: the structure is not supported: no embeddings, layers elsewhere, or a module after the layers that is
            more than a normalisation.
    """
    kind = f"encoder type {model.config.model_type!r}"
    embeddings = getattr(model, "embeddings", None)
    if not isinstance(embeddings, nn.Module) or model.get_input_embeddings() not in list(embeddings.modules()):
        raise UserError(f"{kind} has no module embeddings with the embeddings of words; {FAMILIES}")
    path = next((path for path in _LAYER_PATHS if _module(model, path) is not None), None)
    layers = None if path is None else model.get_submodule(path)
    if path is None or not isinstance(layers, nn.ModuleList) or len(layers) == 0:
        raise UserError(f"{kind} has no list of layers at {' or '.join(_LAYER_PATHS)}; {FAMILIES}")
    before, after = _beside(model, path)
    heads = [name for name, module in after.items() if _has_parameters(module) and "Norm" not in type(module).__name__]
    if heads:
        raise UserError(f"{kind} has more than layers: {', '.join(heads)}; {FAMILIES}")
    return EncoderParts(
        embeddings=embeddings,
        layers=layers,
        shared=tuple(module for module in before.values() if _has_parameters(module)),
        # Attention that can be SDPA takes an additive mask.
        layer_by_layer=model._supports_sdpa and not (before or after) and len(_required_arguments(layers[0])) == 1,
    )


def max_tokens(model: PreTrainedModel) -> int | None:
    """Maximum tokens per sentence; None if positions are not a table."""
    table = getattr(encoder_parts(model).embeddings, "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)  # RoBERTa counts from it


def _beside(model: nn.Module, path: str) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
    """Modules next to embeddings and layers, by name: those that layers may use, and those after them."""
    first, _, inner = path.partition(".")
    names = [name for name, _ in model.named_children()]
    found = {name: module for name, module in model.named_children() if name not in ("embeddings", first)}
    after = {name: module for name, module in found.items() if names.index(name) > names.index(first)}
    before = {name: module for name, module in found.items() if name not in after}
    if inner:
        stack = model.get_submodule(first)
        before |= {f"{first}.{name}": module for name, module in stack.named_children() if name != inner}
    return before, after


def _has_parameters(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _module(model: nn.Module, path: str) -> nn.Module | None:
    try:
        return model.get_submodule(path)
    except AttributeError:
        return None


def _required_arguments(layer: nn.Module) -> list[str]:
    """Names of the layer's arguments without a default, the hidden states first."""
    parameters = list(inspect.signature(layer.forward).parameters.values())
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [
        parameter.name
        for parameter in parameters
        if parameter.kind not in kinds and parameter.default is parameter.empty and parameter.name != "attention_mask"
    ]
