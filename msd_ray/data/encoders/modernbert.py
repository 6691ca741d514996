"""ModernBERT's token classification class has a head between encoder and classifier: one that changes nothing.

    head(x) = LayerNorm(activation(W x + a)) * g + b

x is the output of the encoder's last normalisation: x = n * w + c with the normalised states n. With W = 1 / w on the
diagonal, a = -c / w, the identity as activation, g = w and b = c, the head gives x again, up to rounding: normalised
states have the variance v / (v + epsilon), so LayerNorm divides them by about sqrt(1 + epsilon), for which g makes up.
"""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from msd_ray.common.errors import UserError

SMALLEST = 1e-6
"""Smallest weight of the last normalisation whose inverse is exact enough."""


def is_modernbert(encoder: PreTrainedModel) -> bool:
    """Whether the encoder is of ModernBERT's family (mmBERT, too)."""
    return encoder.config.model_type == "modernbert"


def identity_head(encoder: PreTrainedModel) -> tuple[dict[str, object], dict[str, Tensor]]:
    """Settings for config.json, and parameters of the head, by name.

    Raises:
        UserError: the last normalisation has a weight of 0, so that it cannot be inverted.
    """
    norm = encoder.get_submodule("final_norm")
    assert isinstance(norm, nn.LayerNorm)
    weight = norm.weight.detach()
    if not weight.is_meta and bool((weight.abs() < SMALLEST).any()):
        raise UserError("final_norm.weight: a weight is 0, so students cannot be exported. Use another encoder.")
    tensors = {
        "head.dense.weight": torch.diag(1.0 / weight),
        "head.norm.weight": weight * (1.0 + norm.eps) ** 0.5,
    }
    if norm.bias is not None:
        bias = norm.bias.detach()
        tensors |= {"head.dense.bias": -bias / weight, "head.norm.bias": bias.clone()}
    settings = {"classifier_activation": "linear", "classifier_bias": norm.bias is not None, "classifier_dropout": 0.0}
    return settings, tensors
