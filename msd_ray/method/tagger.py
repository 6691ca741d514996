"""The tagger: an encoder with a classifier (channel terminal) on every trained layer (Eq. 6-7).

Shapes: K channels (the last is the main channel), B sentences, T tokens, C classes, H hidden size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from msd_ray.data.encoders.layers import encoder_parts


@dataclass(frozen=True, kw_only=True)
class TaggerOutput:
    """Output of a forward pass.

    Args:
        logits: (K, B, T, C) float32, computed from products in the autocast dtype.
        cls: (B, H), the last layer's vector of the first token ([CLS]).
    """

    logits: Tensor
    cls: Tensor


class MultiChannelTagger(nn.Module):
    """A teacher or a student.

    K = L - frozen_layers for an encoder of L layers. The auxiliary channels' weights, lambda in Eq. 9 and lambda' in
    Eq. 12, are softmax(omega) with trained omega (K-1,), see `losses.layer_weights`.

    Args:
        encoder: encoder of L layers. Its embeddings, its lowest `frozen_layers` layers, and what several layers share
            are not trained.
        num_labels: C.
        frozen_layers: 0 <= frozen_layers < L.
        dropout: probability on the terminals' input, 0 <= p < 1; the encoder has its own in its configuration.

    Raises:
        ValueError: `frozen_layers` is negative or leaves no layer to train.
    """

    def __init__(
        self, encoder: PreTrainedModel, num_labels: int, *, frozen_layers: int = 3, dropout: float = 0.1
    ) -> None:
        super().__init__()
        parts = encoder_parts(encoder)
        self.frozen_layers = frozen_layers
        self.channels = len(parts.layers) - frozen_layers
        if not 0 <= frozen_layers < len(parts.layers):
            raise ValueError(f"expected 0 to {len(parts.layers) - 1} frozen layers, found {frozen_layers}")
        for frozen in (parts.embeddings, *parts.shared, *parts.layers[:frozen_layers]):
            frozen.requires_grad_(False)
        self._layer_by_layer = parts.layer_by_layer
        self._trained_layers = tuple(parts.layers[frozen_layers:])  # not a ModuleList: parameters keep one name
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
        """Encode a batch and classify every token in every channel.

        Args:
            input_ids: (B, T) int64.
            attention_mask: (B, T), 0 at padding; None without padding.
            frozen_states: (B, T, H) the frozen layers' output for these tokens, only if the encoder runs layer by
                layer; None: run these layers too.
        """
        states = self._states(input_ids, attention_mask, frozen_states)
        hidden = torch.stack(states[-self.channels :])  # (K, B, T, H)
        logits = torch.einsum("kbth,kch->kbtc", self.dropout(hidden), self.terminal_weight)
        return TaggerOutput(logits=logits + self.terminal_bias[:, None, None, :], cls=states[-1][:, 0])

    def cls_vectors(
        self, input_ids: Tensor, attention_mask: Tensor | None, frozen_states: Tensor | None = None
    ) -> Tensor:
        """[CLS] vectors (B, H), without running the terminals: the input of the MMD losses."""
        return self._states(input_ids, attention_mask, frozen_states)[-1][:, 0]

    def frozen_states(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Output of the embeddings and the frozen layers, (B, T, H) float32; training does not change it."""
        return self._states(input_ids, attention_mask)[self.frozen_layers].float()

    def _states(
        self, input_ids: Tensor, attention_mask: Tensor | None, frozen_states: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Outputs of the embeddings and of each layer, (B, T, H); starts at `frozen_states` if given."""
        mask = self._added_to_scores(attention_mask)
        if frozen_states is None:
            return self.encoder(input_ids=input_ids, attention_mask=mask, output_hidden_states=True).hidden_states  # type: ignore[no-any-return]
        assert self._layer_by_layer, "check_encoder refuses frozen states for other encoders"
        states = [frozen_states]
        for layer in self._trained_layers:
            states.append(layer(states[-1], attention_mask=mask))
        return tuple(states)

    def _added_to_scores(self, attention_mask: Tensor | None) -> Tensor | None:
        """The additive attention mask, (B, T) -> (B, 1, 1, T): 0 for tokens, the dtype's minimum for padding.

        For an encoder that runs layer by layer; unchanged for others.

        Computed here because transformers would first check whether anything is masked, which synchronises with the
        device in every step.
        """
        if attention_mask is None or not self._layer_by_layer:  # DeBERTa and ModernBERT make several masks of it
            return attention_mask
        kind = self.terminal_weight.dtype
        zero = torch.zeros((), dtype=kind, device=attention_mask.device)
        return torch.where(attention_mask[:, None, None, :].bool(), zero, torch.finfo(kind).min)

    def cast_frozen_matrices(self, kind: torch.dtype) -> None:
        """Convert the frozen layers' matrices to the autocast dtype once instead of in every step.

        Outputs under autocast to this dtype stay bit-identical.
        """
        for layer in encoder_parts(self.encoder).layers[: self.frozen_layers]:
            for module in layer.modules():
                if isinstance(module, nn.Linear):
                    module.to(kind)

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Names and parameters that training changes: the contents of checkpoints."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def load_trained(self, weights: Mapping[str, Tensor]) -> None:
        """Load the parameters that training changes, named as in `trained_parameters`.

        Raises:
            ValueError: names or shapes differ from this tagger's.
        """
        trained = self.trained_parameters()
        if weights.keys() != trained.keys():
            raise ValueError(
                f"the weights belong to another tagger: {sorted(weights.keys() ^ trained.keys())[:3]} differ"
            )
        for name, parameter in trained.items():
            if weights[name].shape != parameter.shape:
                raise ValueError(f"{name}: expected shape {tuple(parameter.shape)}, found {tuple(weights[name].shape)}")
            parameter.data.copy_(weights[name])
