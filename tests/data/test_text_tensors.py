"""Batches of tensors against a twin that pads sentence by sentence."""

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from msd_ray.data.encode import EncodedSentences, EncodedText, encode_sentences
from msd_ray.data.load import load_source
from msd_ray.data.sentences import Sentence
from msd_ray.data.tensors import IGNORED, TextTensors

CPU = torch.device("cpu")
PAD = 7


@pytest.fixture(scope="module")
def sentences(tiny_tokenizer: PreTrainedTokenizerFast) -> EncodedSentences:
    """Sample sentences, many cut, some with words that have no token."""
    train = list(load_source("sample", None, limit=30).train)
    train[3] = Sentence(("\u200b", *train[3].tokens), ("O", *train[3].labels))
    train[9] = Sentence(("\u200b",), ("B-LOC",))
    labels = sorted({label for sentence in train for label in sentence.labels})
    return encode_sentences(train, tiny_tokenizer, labels, max_length=24)


def batch_twin(text: EncodedSentences, chosen: list[int]) -> dict[str, list[list[int]]]:
    """Walk through the whole corpus, counting words with a token and words with a label."""
    rows: list[tuple[list[int], list[int], list[int]]] = []
    word_row, label_start = 0, 0
    for sentence in range(len(text)):
        ids, word_rows, labels = [], [], []
        for position in range(text.offsets[sentence], text.offsets[sentence + 1]):
            ids.append(int(text.input_ids[position]))
            word = int(text.words[position])
            word_rows.append(word_row if word >= 0 else -1)
            labels.append(int(text.labels[label_start + word]) if word >= 0 else -100)
            word_row += word >= 0
        label_start += int(text.word_counts[sentence])
        rows.append((ids, word_rows, labels))
    longest = max(len(rows[i][0]) for i in chosen)

    def padded(column: int, filler: int) -> list[list[int]]:
        return [rows[i][column] + [filler] * (longest - len(rows[i][column])) for i in chosen]

    return {
        "input_ids": padded(0, PAD),
        "attention_mask": [[1] * len(rows[i][0]) + [0] * (longest - len(rows[i][0])) for i in chosen],
        "word_rows": padded(1, -1),
        "labels": padded(2, -100),
    }


@pytest.mark.parametrize("chosen", [[0, 1, 2, 3], [9], [29, 3, 9, 17, 0], [5, 5], list(range(30))])
def test_batch(sentences: EncodedSentences, chosen: list[int]) -> None:
    batch = TextTensors(sentences, PAD, CPU).batch(np.array(chosen))
    twin = batch_twin(sentences, chosen)
    if all(all(row) for row in twin["attention_mask"]):
        assert batch.attention_mask is None, "nothing is padding"
        del twin["attention_mask"]
    for name, expected in twin.items():
        tensor = getattr(batch, name)
        assert tensor.dtype == torch.int64
        assert tensor.tolist() == expected, name
    assert batch.word_mask.tolist() == [[row >= 0 for row in rows] for rows in twin["word_rows"]]


def test_a_workers_share_is_a_view_with_steps(sentences: EncodedSentences) -> None:
    batch = TextTensors(sentences, PAD, CPU).batch(np.arange(20)[1::3])
    assert batch.input_ids.tolist() == batch_twin(sentences, list(range(1, 20, 3)))["input_ids"]


def test_sizes(sentences: EncodedSentences) -> None:
    tensors = TextTensors(sentences, PAD, CPU)
    assert tensors.words == int((sentences.words >= 0).sum())
    assert tensors.lengths.tolist() == sentences.lengths.tolist()
    everything = tensors.batch(np.arange(len(sentences)))
    assert everything.word_rows[everything.word_mask].tolist() == list(range(tensors.words))


def test_labels_stand_where_words_have_a_token(sentences: EncodedSentences) -> None:
    labels = TextTensors(sentences, PAD, CPU).batch(np.arange(len(sentences))).labels
    assert labels is not None
    assert int((labels != IGNORED).sum()) == int((sentences.words >= 0).sum())


def test_unlabelled_text_gives_no_labels(sentences: EncodedSentences) -> None:
    text = EncodedText(
        input_ids=sentences.input_ids,
        words=sentences.words,
        offsets=sentences.offsets,
        word_counts=sentences.word_counts,
    )
    batch = TextTensors(text, PAD, CPU).batch(np.array([0, 4]))
    assert batch.labels is None
    assert batch.input_ids.tolist() == batch_twin(sentences, [0, 4])["input_ids"]
