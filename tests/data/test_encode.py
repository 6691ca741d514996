"""Encoding: which tokens carry a label, what is cut, and what unlabelled text cannot hold."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from msd_ray.data.encode import EncodedText, encode_sentences, encode_text
from msd_ray.data.sentences import Sentence, Text

LABELS = ("O", "B-PER", "I-PER")


def rows(text: EncodedText, name: str) -> list[list[int]]:
    """A token array, sentence by sentence."""
    values = getattr(text, name).tolist()
    return [values[text.offsets[i] : text.offsets[i + 1]] for i in range(len(text))]


def encode(words: Sequence[str], tokenizer: PreTrainedTokenizerFast, max_length: int = 32) -> EncodedText:
    return encode_text([Text(tuple(words))], tokenizer, max_length=max_length)


def test_the_first_subtoken_carries_the_word(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    text = encode(["the", "Ada", "in", "Ob"], tiny_tokenizer)
    pieces = tiny_tokenizer.convert_ids_to_tokens(text.input_ids.tolist())
    assert pieces == ["[CLS]", "the", "A", "##d", "##a", "in", "O", "##b", "[SEP]"]
    assert text.words.tolist() == [-1, 0, 1, -1, -1, 2, 3, -1, -1]
    assert text.lengths.tolist() == [9]
    assert text.cut_words == 0


def test_sentences_lie_one_after_another(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    sentences = [Text(("Ada", "in")), Text(("the",)), Text(("of", "Lima", "x"))]
    together = encode_text(sentences, tiny_tokenizer, max_length=32)
    alone = [encode_text([sentence], tiny_tokenizer, max_length=32) for sentence in sentences]
    assert rows(together, "input_ids") == [one.input_ids.tolist() for one in alone]
    assert rows(together, "words") == [one.words.tolist() for one in alone]
    assert together.offsets.tolist() == [0, *np.cumsum([len(one.input_ids) for one in alone])]
    assert together.word_counts.tolist() == [2, 1, 3]


def test_two_words_of_equal_pieces_are_two_words(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    assert encode(["the", "the", "the"], tiny_tokenizer).words.tolist() == [-1, 0, 1, 2, -1]


@pytest.mark.parametrize(
    ("max_length", "words"),
    [
        (9, [-1, 0, 1, -1, -1, 2, 3, -1, -1]),
        (8, [-1, 0, 1, -1, -1, 2, 3, -1]),  # the last word keeps its first sub-token
        (7, [-1, 0, 1, -1, -1, 2, -1]),
        (4, [-1, 0, 1, -1]),
    ],
)
def test_words_beyond_the_limit_have_no_token(
    tiny_tokenizer: PreTrainedTokenizerFast, max_length: int, words: list[int]
) -> None:
    text = encode(["the", "Ada", "in", "Ob"], tiny_tokenizer, max_length)
    assert text.words.tolist() == words
    assert text.input_ids[[0, -1]].tolist() == [tiny_tokenizer.cls_token_id, tiny_tokenizer.sep_token_id]
    assert text.word_counts.tolist() == [4]
    assert text.cut_words == 4 - len({*words} - {-1})


def test_words_that_normalisation_empties_have_no_token(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    text = encode(["the", "\u200b\u200d", "Ob", "\u0000"], tiny_tokenizer)
    assert text.words.tolist() == [-1, 0, 2, -1, -1]
    assert text.word_counts.tolist() == [4]
    assert text.cut_words == 2


def test_gold_labels_of_all_words_are_kept(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    sentences = [
        Sentence(("the", "Ada", "Obi", "in"), ("O", "B-PER", "I-PER", "O")),
        Sentence(("\u200b", "Ada"), ("B-PER", "I-PER")),
    ]
    encoded = encode_sentences(sentences, tiny_tokenizer, LABELS, max_length=5)
    assert encoded.cut_words == 3
    assert encoded.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert encoded.word_counts.tolist() == [4, 2]


def test_unlabelled_text_has_no_place_for_labels(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    words = (("the", "Ada"), ("Obi", "in", "the"))
    gold = [Sentence(tokens, ("O", "B-PER", "O")[: len(tokens)]) for tokens in words]
    garbage = [Sentence(tokens, ("I-PER",) * len(tokens)) for tokens in words]
    arrays = [
        encode_text(sentences, tiny_tokenizer, max_length=16) for sentences in (gold, garbage, [Text(t) for t in words])
    ]
    names = {field.name for field in fields(EncodedText)}
    assert names == {"input_ids", "words", "offsets", "word_counts"}
    for other in arrays:
        assert type(other) is EncodedText
        for name in names:
            np.testing.assert_array_equal(getattr(other, name), getattr(arrays[0], name))
