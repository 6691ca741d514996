"""The sample corpus: what its ten languages and three splits promise."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.sample import SAMPLE_LANGUAGES, SPLIT_SIZES, generate, sample_sentences
from msd_ray.data.sample.generate import ENTITY_TYPES, SampleText, entity_type, read_sample_text
from msd_ray.data.sentences import Sentence

DIRECTORY = Path(generate.__file__).parent
SPLITS = tuple(SPLIT_SIZES)
each_language = pytest.mark.parametrize("lang", SAMPLE_LANGUAGES)
each_split = pytest.mark.parametrize("split", SPLITS)


@cache
def text_of(lang: str) -> SampleText:
    return read_sample_text(DIRECTORY / f"{lang}.yaml")


def names_of(text: SampleText, split: str, joiner: str = " ") -> set[tuple[str, str]]:
    slots = text.split(split).slots
    pairs = {(entity_type(slot), name) for slot, forms in slots.items() for name in forms}
    return {(label, joiner.join(name.split())) for label, name in pairs if label is not None}


def entities(sentence: Sentence, joiner: str = " ") -> list[tuple[str, str]]:
    """(type, surface form) of each entity, read off by a plain walk; fails on labels that are not BIO2."""
    found: list[tuple[str, list[str]]] = []
    previous = "O"
    for token, label in zip(sentence.tokens, sentence.labels, strict=True):
        prefix, _, kind = label.partition("-")
        if prefix == "B":
            found.append((kind, [token]))
        elif prefix == "I":
            assert previous in (f"B-{kind}", f"I-{kind}"), sentence
            found[-1][1].append(token)
        else:
            assert label == "O"
        assert label == "O" or kind in ENTITY_TYPES
        previous = label
    return [(kind, joiner.join(tokens)) for kind, tokens in found]


def test_the_ten_languages_have_a_file_each() -> None:
    assert set(SAMPLE_LANGUAGES) == {"en", "de", "es", "nl", "ar", "hi", "zh", "ko", "ru", "tr"}
    assert {path.stem for path in DIRECTORY.glob("*.yaml")} == set(SAMPLE_LANGUAGES)
    assert {text_of(lang).language for lang in SAMPLE_LANGUAGES} == set(SAMPLE_LANGUAGES)


@each_language
@each_split
def test_size_and_no_sentence_twice(lang: str, split: str) -> None:
    sentences = sample_sentences(lang, split)
    assert len(sentences) == SPLIT_SIZES[split] >= {"train": 800, "dev": 200, "test": 400}[split]
    assert len({sentence.tokens for sentence in sentences}) == len(sentences)


@each_language
def test_no_test_sentence_stands_in_train_or_dev(lang: str) -> None:
    texts = {split: {sentence.tokens for sentence in sample_sentences(lang, split)} for split in SPLITS}
    assert not texts["test"] & (texts["train"] | texts["dev"])
    assert not texts["dev"] & texts["train"]


@each_language
def test_generating_twice_gives_the_same(lang: str) -> None:
    for split in SPLITS:
        first = sample_sentences(lang, split)
        generate.sample_sentences.cache_clear()
        generate._sample_text.cache_clear()
        second = sample_sentences(lang, split)
        assert second is not first
        assert second == first


@each_language
@each_split
def test_labels_are_bio2_and_every_name_is_used(lang: str, split: str) -> None:
    text = text_of(lang)
    found = {entity for sentence in sample_sentences(lang, split) for entity in entities(sentence, text.joiner)}
    # Tokens of a language without spaces are joined without them, and so are the names' words.
    assert found == names_of(text, split, text.joiner)


@each_language
@each_split
def test_types_in_proportion(lang: str, split: str) -> None:
    sentences = sample_sentences(lang, split)
    counts = Counter(kind for sentence in sentences for kind, _ in entities(sentence))
    for kind in ENTITY_TYPES:
        assert 0.2 <= counts[kind] / counts.total() <= 0.5, counts
    assert 1.0 <= counts.total() / len(sentences) <= 2.5


@each_language
@each_split
def test_sentences_without_an_entity(lang: str, split: str) -> None:
    sentences = sample_sentences(lang, split)
    free = sum(set(sentence.labels) == {"O"} for sentence in sentences)
    assert 0.08 <= free / len(sentences) <= 0.20


@each_language
@each_split
def test_lengths(lang: str, split: str) -> None:
    lengths = [len(sentence.tokens) for sentence in sample_sentences(lang, split)]
    low, high = (12, 30) if lang == "zh" else (7, 16)
    assert low <= sum(lengths) / len(lengths) <= high
    assert min(lengths) <= 4 if lang != "zh" else min(lengths) <= 8
    assert max(lengths) >= 14


@each_language
@each_split
def test_patterns_are_used_about_equally_often(lang: str, split: str) -> None:
    patterns = text_of(lang).split(split).patterns
    assert len(patterns) >= {"train": 70, "dev": 34, "test": 44}[split]
    # What is left of a sentence without its entities; no such frame may make up much of a split.
    frames = Counter(
        tuple(token for token, label in zip(s.tokens, s.labels, strict=True) if label == "O")
        for s in sample_sentences(lang, split)
    )
    assert max(frames.values()) <= 3 * SPLIT_SIZES[split] / len(patterns)


@each_language
def test_splits_share_no_pattern_and_few_names(lang: str) -> None:
    text = text_of(lang)
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not set(text.split(one).patterns) & set(text.split(other).patterns)
        shared = names_of(text, one) & names_of(text, other)
        assert len(shared) <= 0.1 * min(len(names_of(text, one)), len(names_of(text, other))), shared


@each_language
@each_split
def test_gazetteers_are_large_enough(lang: str, split: str) -> None:
    counts = Counter(kind for kind, _ in names_of(text_of(lang), split))
    assert min(counts[kind] for kind in ENTITY_TYPES) >= {"train": 80, "dev": 40, "test": 50}[split], counts


@each_language
@each_split
def test_no_name_is_left_unlabelled_by_its_pattern(lang: str, split: str) -> None:
    """Names in a pattern's fixed text would be labelled O (fillers may be: a film's title is no place)."""
    text = text_of(lang)
    fixed = " ".join(re.sub(r"\{[^}]*\}", "|", pattern) for pattern in text.split(split).patterns)
    # A short name may also be a common word ("Zeit", "गया") or, without spaces between words, a part of one.
    names = {name for _, name in names_of(text, split) if (" " in name if text.joiner else len(name) > 2)}
    assert names
    assert not [name for name in names if name in fixed]


def test_chinese_tokens_are_characters_or_latin_runs() -> None:
    token = re.compile(r"[A-Za-z0-9]+(?:[.'&-][A-Za-z0-9]+)*|\S")
    tokens = {token for split in SPLITS for sentence in sample_sentences("zh", split) for token in sentence.tokens}
    assert all(token.fullmatch(item) for item in tokens)
    assert sum(len(item) == 1 for item in tokens) > 500


def test_unknown_language_and_split() -> None:
    with pytest.raises(UserError, match="no language 'fr'; it has en, de,"):
        sample_sentences("fr", "train")
    with pytest.raises(UserError, match="no split 'valid'; it has train, dev, test"):
        sample_sentences("en", "valid")
