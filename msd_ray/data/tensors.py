"""An encoded corpus on a device: batches are gathered there from sentence indices.

Shapes: B sentences of a batch, T tokens of its longest one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .encode import NO_WORD, EncodedSentences, EncodedText

IGNORED = -100  # the label of a token without loss, as torch's cross entropy has it


@dataclass(frozen=True, kw_only=True)
class TextBatch:
    """One batch, padded to its longest sentence.

    Args:
        input_ids: (B, T) int64.
        attention_mask: (B, T) int64, 0 at padding; None if there is no padding.
        word_rows: (B, T) int64; at a word's first sub-token its row among the corpus's encoded words, else -1.
        labels: (B, T) int64; class indices at first sub-tokens, -100 elsewhere; None for unlabelled text.
        frozen_states: (B, T, H) float32 output of an encoder's frozen layers, arbitrary at padding; None if those
            layers run in every step.
    """

    input_ids: Tensor
    attention_mask: Tensor | None
    word_rows: Tensor
    labels: Tensor | None
    frozen_states: Tensor | None = None

    @property
    def inputs(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The arguments of a tagger's forward pass."""
        return self.input_ids, self.attention_mask, self.frozen_states

    @property
    def word_mask(self) -> Tensor:
        """(B, T) bool: tokens that have a label and a loss."""
        return self.word_rows >= 0


class TextTensors:
    """All token ids of a corpus (a few megabytes) on one device.

    Args:
        text: the encoded corpus.
        pad_id: token id of padding.
        device: where the tensors are stored.
        frozen_states: (N, H) output of the frozen layers for the N tokens, on that device; see `method.frozen`.
    """

    def __init__(
        self, text: EncodedText, pad_id: int, device: torch.device, frozen_states: Tensor | None = None
    ) -> None:
        self.lengths = np.diff(text.offsets)
        first = np.asarray(text.words) != NO_WORD
        rows = np.where(first, np.cumsum(first) - 1, -1)
        self.words = int(first.sum())
        # One additional entry at the end, from which padding is gathered.
        self._ids = _to(np.append(text.input_ids, pad_id), device)
        self._rows = _to(np.append(rows, -1), device)
        self._labels = None
        if isinstance(text, EncodedSentences):
            self._labels = _to(np.append(_token_labels(text, first), IGNORED), device)
        self._starts = _to(text.offsets[:-1], device)
        self._lengths = _to(self.lengths, device)
        self._frozen_states = frozen_states
        self.device = device

    @property
    def tokens(self) -> int:
        """N: number of tokens of all sentences, special tokens included."""
        return len(self._ids) - 1

    @property
    def word_labels(self) -> Tensor:
        """(W,) int64: class indices of the encoded words, by row.

        Raises:
            ValueError: the text is unlabelled.
        """
        if self._labels is None:
            raise ValueError("unlabelled text has no labels")
        return self._labels[self._rows >= 0]

    def batch(self, sentences: npt.NDArray[np.int64]) -> TextBatch:
        """Gather the sentences with these indices, (B,)."""
        lengths = self.lengths[sentences]
        length = int(lengths.max())
        index = torch.from_numpy(sentences).to(self.device, non_blocking=True)
        column = torch.arange(length, device=self.device)
        inside = column < self._lengths[index][:, None]  # (B, T)
        place = torch.where(inside, self._starts[index][:, None] + column, len(self._ids) - 1)
        return TextBatch(
            input_ids=self._ids[place],
            attention_mask=inside.long() if lengths.min() < length else None,
            word_rows=self._rows[place],
            labels=None if self._labels is None else self._labels[place],
            # Padding gets the last token's; attention ignores it.
            frozen_states=None
            if self._frozen_states is None
            else self._frozen_states[place.clamp(max=self.tokens - 1)].float(),
        )

    def places(self, sentences: npt.NDArray[np.int64]) -> Tensor:
        """Positions of these sentences' tokens among the N, one sentence after another."""
        return torch.cat([self._starts[i] + torch.arange(self.lengths[i], device=self.device) for i in sentences])


def _token_labels(text: EncodedSentences, first: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Class indices at first sub-tokens, -100 elsewhere, for all tokens of the corpus."""
    word_starts = np.concatenate([[0], np.cumsum(text.word_counts)[:-1]])
    sentence = np.repeat(np.arange(len(text)), np.diff(text.offsets))
    token_labels = np.full(len(text.input_ids), IGNORED, dtype=np.int64)
    token_labels[first] = text.labels[word_starts[sentence[first]] + text.words[first]]
    return token_labels


def _to(array: npt.NDArray[np.int32] | npt.NDArray[np.int64], device: torch.device) -> Tensor:
    # Copy: memory-mapped arrays are read-only, tensors must be writable.
    return torch.from_numpy(np.array(array, dtype=np.int64)).to(device)
