"""The sub-token that carries a word's label."""

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from msd_ray.data.encode import NO_WORD, LabelAt, effective_label_at, encode_text
from msd_ray.data.sample import sample_sentences
from msd_ray.data.sentences import Text


def labelled_tokens(tokenizer: PreTrainedTokenizerFast, words: list[str], label_at: LabelAt, length: int = 64) -> str:
    text = encode_text([Text(tuple(words))], tokenizer, max_length=length, label_at=label_at)
    return " ".join(tokenizer.convert_ids_to_tokens(text.input_ids[text.words != NO_WORD].tolist()))


def test_a_bare_mark_carries_no_label(e5_tokenizer: PreTrainedTokenizerFast) -> None:
    words = ["北", "京", "in", "China"]
    assert labelled_tokens(e5_tokenizer, words, "first") == "▁ ▁ ▁in ▁China"
    assert labelled_tokens(e5_tokenizer, words, "text") == "北 京 ▁in ▁China"


def test_a_mark_that_is_all_there_is_carries_it(e5_tokenizer: PreTrainedTokenizerFast) -> None:
    """The rest of a word may be beyond the length limit."""
    assert labelled_tokens(e5_tokenizer, ["in", "北"], "text", length=4) == "▁in ▁"


@pytest.mark.parametrize("lang", ["ar", "ko", "zh"])
def test_each_word_is_labelled_once_and_in_order(e5_tokenizer: PreTrainedTokenizerFast, lang: str) -> None:
    sentences = [Text(sentence.tokens) for sentence in sample_sentences(lang, "train")[:100]]
    first, text = (
        encode_text(sentences, e5_tokenizer, max_length=32, label_at=label_at) for label_at in ("first", "text")
    )
    np.testing.assert_array_equal(first.input_ids, text.input_ids)
    np.testing.assert_array_equal(first.words[first.words != NO_WORD], text.words[text.words != NO_WORD])
    moved = np.flatnonzero(first.words != text.words)
    assert moved.size > 0
    marks = moved[first.words[moved] != NO_WORD]
    assert set(e5_tokenizer.convert_ids_to_tokens(first.input_ids[marks].tolist())) == {"▁"}
    np.testing.assert_array_equal(moved, np.sort(np.concatenate([marks, marks + 1])))


def test_tokenizers_without_marks_do_not_differ(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    sentences = [Text(sentence.tokens) for sentence in sample_sentences("zh", "train")[:20]]
    first, text = (
        encode_text(sentences, tiny_tokenizer, max_length=32, label_at=label_at) for label_at in ("first", "text")
    )
    np.testing.assert_array_equal(first.words, text.words)


@pytest.mark.parametrize(("lang", "percent"), [("en", 0.2), ("tr", 0.0), ("ar", 4.8), ("ko", 17.4), ("zh", 93.4)])
def test_entity_words_that_begin_with_a_bare_mark(
    e5_tokenizer: PreTrainedTokenizerFast, lang: str, percent: float
) -> None:
    """The figures of docs/recipe.md."""
    sentences = sample_sentences(lang, "train")
    texts = [Text(sentence.tokens) for sentence in sentences]
    text = encode_text(texts, e5_tokenizer, max_length=512)
    marks = text.input_ids[text.words != NO_WORD] == e5_tokenizer.convert_tokens_to_ids("▁")
    is_entity = np.array([label != "O" for sentence in sentences for label in sentence.labels])
    assert 100 * marks[is_entity].mean() == pytest.approx(percent, abs=0.05)


def test_there_is_a_choice_only_with_marks(
    tiny_tokenizer: PreTrainedTokenizerFast, e5_tokenizer: PreTrainedTokenizerFast
) -> None:
    assert effective_label_at("text", e5_tokenizer) == "text"
    assert effective_label_at("first", e5_tokenizer) == "first"
    assert effective_label_at("text", tiny_tokenizer) == "first"
