"""Predicted labels of encoded sentences, and their scores.

A word that the encoder did not see (cut off, or empty after normalisation) is predicted as O.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..evaluation import EntityScores, entity_scores
from ..features import EncodedSentences, EncodedText, TextTensors, evaluation_batches
from ..model import MultiChannelTagger
from .parallel import Workers

TOKENS_A_BATCH = {"cuda": 32_768, "cpu": 4_096}


def predict_labels(
    model: MultiChannelTagger, text: EncodedText, tensors: TextTensors, label_names: Sequence[str]
) -> list[list[str]]:
    """The main channel's labels of every word of every sentence, as long as `text.word_counts`.

    Every worker predicts its share of the batches and gets all predictions. The caller sets evaluation mode,
    inference mode and autocast.
    """
    workers = Workers.current()
    device = next(model.parameters()).device
    batches = evaluation_batches(tensors.lengths, tokens=TOKENS_A_BATCH[device.type])
    found: list[npt.NDArray[np.int64]] = []
    rows: list[npt.NDArray[np.int64]] = []
    for sentences in batches[workers.share]:
        batch = tensors.batch(sentences)
        best = model(batch.input_ids, batch.attention_mask).logits[-1].argmax(dim=-1)  # (B, T)
        found.append(best[batch.word_mask].cpu().numpy())
        rows.append(batch.word_rows[batch.word_mask].cpu().numpy())
    predicted = np.zeros(tensors.words, dtype=np.int64)  # (words with a token,)
    for their_rows, their_found in workers.gather_objects((rows, found)):
        for row, label in zip(their_rows, their_found, strict=True):
            predicted[row] = label
    return _words_of_sentences(text, predicted, label_names)


def score(predicted: Sequence[Sequence[str]], gold: EncodedSentences, label_names: Sequence[str]) -> EntityScores:
    """Entity-level scores (Eq. 16) of predictions against the gold labels of the encoded sentences."""
    return entity_scores(gold_labels(gold, label_names), predicted)


def gold_labels(sentences: EncodedSentences, label_names: Sequence[str]) -> list[list[str]]:
    """The gold labels of every word of every sentence, cut-off words included."""
    names = np.asarray(label_names, dtype=object)
    return _split(names[np.asarray(sentences.labels)], sentences.word_counts)


def _words_of_sentences(
    text: EncodedText, predicted: npt.NDArray[np.int64], label_names: Sequence[str]
) -> list[list[str]]:
    first = np.asarray(text.words) >= 0
    word_starts = np.concatenate([[0], np.cumsum(text.word_counts)[:-1]])
    sentence = np.repeat(np.arange(len(text)), np.diff(text.offsets))
    labels = np.full(int(text.word_counts.sum()), "O", dtype=object)
    names = np.asarray(label_names, dtype=object)
    labels[word_starts[sentence[first]] + text.words[first]] = names[predicted]
    return _split(labels, text.word_counts)


def _split(labels: npt.NDArray[np.object_], counts: npt.NDArray[np.int32]) -> list[list[str]]:
    return [list(part) for part in np.split(labels, np.cumsum(counts)[:-1])]
