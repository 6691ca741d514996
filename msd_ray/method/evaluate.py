"""Predict labels of encoded sentences and score them.

Words without a token (cut off, or empty after normalisation) are predicted as O.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from torch import Tensor

from msd_ray.data.batches import evaluation_batches
from msd_ray.data.encode import EncodedSentences, EncodedText
from msd_ray.data.tensors import TextBatch, TextTensors

from .decoding import Decode, by_sentence, decode_labels
from .entity_scores import EntityScores, entity_scores
from .parallel import Workers

if TYPE_CHECKING:  # importing transformers takes seconds
    from .tagger import MultiChannelTagger

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Run = Callable[[Callable[[Int64], tuple[Int64, Float32]], Sequence[Int64]], Iterable[tuple[Int64, Float32]]]
"""Calls a function for every batch, as `map`."""

TOKENS_A_BATCH = {"cuda": 32_768, "cpu": 4_096}
"""Maximum tokens per evaluation batch, padding included, by device type."""


def predict_labels(
    model: "MultiChannelTagger",
    text: EncodedText,
    tensors: TextTensors,
    label_names: Sequence[str],
    *,
    decode: Decode = "argmax",
) -> list[list[str]]:
    """Labels of every word of every sentence by the main channel, valid BIO2.

    Every worker predicts its share of the batches; all workers get all predictions. The caller sets evaluation mode,
    inference mode and autocast.

    Returns:
        One list per sentence, of `text.word_counts` labels.
    """
    return decode_labels(word_scores(model, text, tensors, label_names), text.word_counts, label_names, decode)


def word_scores(
    model: "MultiChannelTagger", text: EncodedText, tensors: TextTensors, label_names: Sequence[str]
) -> Float32:
    """Main channel's logits (W, C) of all words, as `scores_of_words`."""
    return scores_of_words(lambda batch: model(*batch.inputs).logits[-1], text, tensors, label_names)


def scores_of_words(
    logits: Callable[[TextBatch], Tensor],
    text: EncodedText,
    tensors: TextTensors,
    label_names: Sequence[str],
    *,
    tokens: int | None = None,
    run: Run = map,
) -> Float32:
    """Logits (W, C) of all words, one sentence after another.

    Words without a token get 0 for O and -inf for all other labels.

    Workers and modes as in `predict_labels`.

    Args:
        logits: (B, T, C) of a batch's tokens.
        text: the encoded sentences.
        tensors: the same on the device.
        label_names: (C,).
        tokens: maximum tokens per batch, padding included; None: `TOKENS_A_BATCH`.
        run: calls a function for every batch, in any order.
    """

    def of_batch(sentences: Int64) -> tuple[Int64, Float32]:
        batch = tensors.batch(sentences)
        found: Float32 = logits(batch)[batch.word_mask].float().cpu().numpy()
        return batch.word_rows[batch.word_mask].cpu().numpy(), found

    workers = Workers.current()
    batches = evaluation_batches(tensors.lengths, tokens=tokens or TOKENS_A_BATCH[tensors.device.type])
    own = list(run(of_batch, batches[workers.share]))
    rows, found = [row for row, _ in own], [logits_of_words for _, logits_of_words in own]
    scores = np.full((int(text.word_counts.sum()), len(label_names)), -np.inf, dtype=np.float32)
    scores[:, label_names.index("O")] = 0.0
    places = _places(text)
    for their_rows, their_found in workers.gather_objects((rows, found)):
        for row, logits_of_words in zip(their_rows, their_found, strict=True):
            scores[places[row]] = logits_of_words
    return scores


def score(predicted: Sequence[Sequence[str]], gold: EncodedSentences, label_names: Sequence[str]) -> EntityScores:
    """Entity-level scores (Eq. 16) of predictions against the gold labels of the encoded sentences."""
    return entity_scores(gold_labels(gold, label_names), predicted)


def gold_labels(sentences: EncodedSentences, label_names: Sequence[str]) -> list[list[str]]:
    """Gold labels of every word of every sentence, including words that are cut off."""
    names = np.asarray(label_names, dtype=object)
    return by_sentence(names[np.asarray(sentences.labels)], sentences.word_counts)


def _places(text: EncodedText) -> npt.NDArray[np.int64]:
    """Index of every word with a token among all words, by row of `TextTensors`."""
    first = np.asarray(text.words) >= 0
    word_starts = np.cumsum(text.word_counts, dtype=np.int64) - text.word_counts
    sentence = np.repeat(np.arange(len(text)), np.diff(text.offsets))
    return word_starts[sentence[first]] + text.words[first]
