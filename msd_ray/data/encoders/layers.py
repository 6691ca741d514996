"""Embeddings and layers of an encoder, in order."""

import inspect
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

from msd_ray.common.errors import UserError

# Paths of the layers: BERT, RoBERTa, XLM-R, ELECTRA and similar models; DistilBERT.
_LAYER_PATHS = ("encoder.layer", "transformer.layer")


@dataclass(frozen=True, kw_only=True)
class EncoderParts:
    """Parts of an encoder.

    Args:
        embeddings: called as `embeddings(input_ids=...)`, returns (B, T, H).
        layers: each called as `layer(hidden, attention_mask)`, returns (B, T, H).
    """

    embeddings: nn.Module
    layers: nn.ModuleList


def encoder_parts(model: PreTrainedModel) -> EncoderParts:
    """Embeddings and layers of an encoder without heads; run in sequence they equal the whole model.

    Raises:
        UserError: the structure is not supported: no word embeddings, layers elsewhere, modules besides embeddings
            and layers, or layers that need more than hidden states and a mask.
    """
    kind = f"encoder type {model.config.model_type!r}"
    hint = "use a BERT, RoBERTa, XLM-RoBERTa, ELECTRA or DistilBERT encoder"
    embeddings = getattr(model, "embeddings", None)
    if not isinstance(embeddings, nn.Module) or not hasattr(embeddings, "word_embeddings"):
        raise UserError(f"{kind} has no module embeddings.word_embeddings; {hint}")
    layers = next((found for path in _LAYER_PATHS if (found := _module(model, path)) is not None), None)
    if not isinstance(layers, nn.ModuleList) or len(layers) == 0:
        raise UserError(f"{kind} has no list of layers at {' or '.join(_LAYER_PATHS)}; {hint}")
    others = [name for name, _ in model.named_children() if name not in _known_children(model)]
    stack = model.get_submodule("encoder" if _module(model, "encoder") is not None else "transformer")
    others += [name for name, _ in stack.named_children() if name != "layer"]
    needs = _required_arguments(layers[0])
    if others or len(needs) > 1:
        raise UserError(f"{kind} does not run layer by layer (it has {', '.join(others + needs[1:])} too); {hint}")
    return EncoderParts(embeddings=embeddings, layers=layers)


def max_tokens(model: PreTrainedModel) -> int | None:
    """Maximum tokens per sentence; None if positions are not a table."""
    table = getattr(encoder_parts(model).embeddings, "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)  # RoBERTa counts from it


def _known_children(model: PreTrainedModel) -> set[str]:
    """Names of the supported top-level modules; the pooler's if it was left out."""
    return {"embeddings", "encoder", "transformer"} | ({"pooler"} if getattr(model, "pooler", None) is None else set())


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
