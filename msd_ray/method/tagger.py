"""The encoder with a classifier, its *channel terminal*, on every layer above the frozen ones (Eq. 6-7).

Shape legend: K channels (the last is the main one), B sentences, T tokens, C classes, H width.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from msd_ray.data.encoders.layers import encoder_parts


@dataclass(frozen=True, kw_only=True)
class TaggerOutput:
    """logits (K, B, T, C), float32, of products in the autocast type; cls (B, H), the last layer's first vector."""

    logits: Tensor
    cls: Tensor


class MultiChannelTagger(nn.Module):
    """A teacher or a student.

    encoder: gives hidden states of L layers; its embeddings and lowest `frozen_layers` layers are not trained.
    num_labels: C. dropout: on the terminals' input, 0..1; the encoder's own dropout is its configuration's.

    K = L - frozen_layers. The weights of the auxiliary channels, lambda in Eq. 9 and lambda' in Eq. 12, are
    softmax(omega), with omega (K - 1,) trained; see `losses.layer_weights`.
    Raises ValueError when no layer is left to train, or for a negative number.
    """

    def __init__(
        self, encoder: PreTrainedModel, num_labels: int, *, frozen_layers: int = 3, dropout: float = 0.1
    ) -> None:
        super().__init__()
        parts = encoder_parts(encoder)
        self.frozen_layers = frozen_layers
        self.channels = len(parts.layers) - frozen_layers
        if not 0 <= frozen_layers < len(parts.layers):
            raise ValueError(
                f"{frozen_layers} frozen layers leave none or more than all of {len(parts.layers)} to train"
            )
        for frozen in (parts.embeddings, *parts.layers[:frozen_layers]):
            frozen.requires_grad_(False)
        self._trained_layers = tuple(parts.layers[frozen_layers:])  # a tuple: the encoder's modules once, by one name
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.terminal_weight = nn.Parameter(torch.empty(self.channels, num_labels, width))  # (K, C, H)
        self.terminal_bias = nn.Parameter(torch.zeros(self.channels, num_labels))  # (K, C)
        self.omega = nn.Parameter(torch.empty(self.channels - 1).uniform_(-1.0, 1.0))
        nn.init.normal_(self.terminal_weight, std=encoder.config.initializer_range)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None, frozen_states: Tensor | None = None
    ) -> TaggerOutput:
        """input_ids, attention_mask: (B, T); no mask where nothing is padding.

        frozen_states: (B, T, H) of these tokens, see `frozen_states`; without them the frozen layers run too.
        """
        states = self._states(input_ids, attention_mask, frozen_states)
        hidden = torch.stack(states[-self.channels :])  # (K, B, T, H)
        logits = torch.einsum("kbth,kch->kbtc", self.dropout(hidden), self.terminal_weight)
        return TaggerOutput(logits=logits + self.terminal_bias[:, None, None, :], cls=states[-1][:, 0])

    def cls_vectors(
        self, input_ids: Tensor, attention_mask: Tensor | None, frozen_states: Tensor | None = None
    ) -> Tensor:
        """The [CLS] vectors (B, H) alone, without the terminals' work: what the MMD losses need of a batch."""
        return self._states(input_ids, attention_mask, frozen_states)[-1][:, 0]

    def frozen_states(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """What the embeddings and the frozen layers make of the tokens, (B, T, H), float32: no training changes it."""
        return self._states(input_ids, attention_mask)[self.frozen_layers].float()

    def _states(
        self, input_ids: Tensor, attention_mask: Tensor | None, frozen_states: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """The embeddings' output and each layer's, (B, T, H); from `frozen_states` on where they are given."""
        mask = self._added_to_scores(attention_mask)
        if frozen_states is None:
            return self.encoder(input_ids=input_ids, attention_mask=mask, output_hidden_states=True).hidden_states  # type: ignore[no-any-return]
        states = [frozen_states]
        for layer in self._trained_layers:
            states.append(layer(states[-1], attention_mask=mask))
        return tuple(states)

    def _added_to_scores(self, attention_mask: Tensor | None) -> Tensor | None:
        """The mask (B, T) as attention adds it to its scores: (B, 1, 1, T), 0 for a token.

        Made here, because transformers would first read whether anything is masked, and wait for the device in each
        step until all before is done.
        """
        if attention_mask is None:
            return None
        kind = self.terminal_weight.dtype
        nothing = torch.zeros((), dtype=kind, device=attention_mask.device)
        return torch.where(attention_mask[:, None, None, :].bool(), nothing, torch.finfo(kind).min)

    def hold_frozen_matrices(self, kind: torch.dtype) -> None:
        """Hold the frozen layers' matrices in the type of the products: autocast would convert them in each step.

        The outputs under autocast to this type stay the same, bit for bit.
        """
        for layer in encoder_parts(self.encoder).layers[: self.frozen_layers]:
            for module in layer.modules():
                if isinstance(module, nn.Linear):
                    module.to(kind)

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Name and parameter of all that training changes: what checkpoints hold."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def load_trained(self, weights: Mapping[str, Tensor]) -> None:
        """Take over all that training changes, as `trained_parameters` names it.

        Raises ValueError unless `weights` has exactly those names, each with its shape.
        """
        trained = self.trained_parameters()
        if weights.keys() != trained.keys():
            raise ValueError(f"weights of another tagger: {sorted(weights.keys() ^ trained.keys())[:3]} differ")
        for name, parameter in trained.items():
            if weights[name].shape != parameter.shape:
                raise ValueError(f"{name} has shape {tuple(weights[name].shape)}, not {tuple(parameter.shape)}")
            parameter.data.copy_(weights[name])
