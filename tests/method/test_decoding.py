"""Label sequences from scores: always valid BIO2, argmax reads as conlleval does, Viterbi finds the best."""

import itertools
import math
import time
from collections.abc import Sequence
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from msd_ray.method.decoding import Decode, decode_labels
from msd_ray.method.entity_scores import entities, entity_scores

LABEL_SETS = (
    ("O",),
    ("O", "B-PER", "I-PER"),
    ("I-LOC", "B-PER", "O", "I-PER", "B-LOC"),
    ("B-PER", "B-LOC", "O"),
    ("I-PER", "O", "B-LOC"),
    ("O", "B-A", "I-A", "B-A-B", "I-A-B", "B-I-A", "I-I-A"),
)
DECODES: tuple[Decode, ...] = get_args(Decode)

Float64 = npt.NDArray[np.float64]


def is_valid(labels: Sequence[str]) -> bool:
    """Every I-X comes directly after B-X or I-X."""
    before = ("O", *labels)
    return all(
        label[:2] != "I-" or previous in (f"B-{label[2:]}", label)
        for previous, label in zip(before, labels, strict=False)
    )


def random_words(
    rng: np.random.Generator, label_names: Sequence[str], sentences: int, longest: int
) -> tuple[Float64, list[int]]:
    """Scores of sentences of 0 to `longest` words; some words without a token: only O is possible."""
    counts = rng.integers(0, longest + 1, sentences)
    scores = rng.normal(size=(counts.sum(), len(label_names)))
    unseen = rng.random(len(scores)) < 0.1
    scores[unseen] = np.where(np.array(label_names) == "O", 0.0, -np.inf)
    return scores, counts.tolist()


def raw_argmax(scores: Float64, counts: Sequence[int], label_names: Sequence[str]) -> list[list[str]]:
    words = iter(scores)
    return [[label_names[int(next(words).argmax())] for _ in range(count)] for count in counts]


def best_sequence(scores: Float64, label_names: Sequence[str]) -> tuple[str, ...]:
    """Of all sequences, one after the other, the valid one with the largest sum."""
    ids = range(len(label_names))
    best: tuple[str, ...] = ()
    best_sum = -math.inf
    for sequence in itertools.product(ids, repeat=len(scores)):
        names = tuple(label_names[index] for index in sequence)
        total = sum(float(row[index]) for row, index in zip(scores, sequence, strict=True))
        if is_valid(names) and (total > best_sum or not best):
            best, best_sum = names, total
    return best


def test_the_checker() -> None:
    assert is_valid(["B-A", "I-A", "I-A", "O", "B-A", "B-B", "I-B"])
    assert not any(map(is_valid, (["I-A"], ["O", "I-A"], ["B-B", "I-A"], ["B-B", "I-B", "I-A"], ["B-A", "I-A-B"])))


@pytest.mark.parametrize("label_names", LABEL_SETS)
@pytest.mark.parametrize("decode", DECODES)
def test_all_sequences_are_valid(label_names: Sequence[str], decode: Decode) -> None:
    scores, counts = random_words(np.random.default_rng(1), label_names, 500, 12)
    labels = decode_labels(scores, counts, label_names, decode)
    assert [len(sentence) for sentence in labels] == counts
    assert sum(not is_valid(sentence) for sentence in labels) == 0
    assert all(type(label) is str for sentence in labels for label in sentence)
    words = [label for sentence in labels for label in sentence]
    assert {words[place] for place in np.flatnonzero(np.isinf(scores).any(axis=1))} <= {"O"}
    raw = raw_argmax(scores, counts, label_names)
    assert any(not is_valid(sentence) for sentence in raw) == any(name.startswith("I-") for name in label_names)


@pytest.mark.parametrize("label_names", LABEL_SETS)
def test_argmax_changes_the_first_letter_of_a_stray_label_alone(label_names: Sequence[str]) -> None:
    rng = np.random.default_rng(2)
    scores, counts = random_words(rng, label_names, 300, 9)
    gold = decode_labels(random_scores_like(rng, scores), counts, label_names)
    raw, repaired = raw_argmax(scores, counts, label_names), decode_labels(scores, counts, label_names)
    assert entity_scores(gold, repaired) == entity_scores(gold, raw)
    for before, after in zip(raw, repaired, strict=True):
        assert entities(after) == entities(before)
        begins = {start for _, start, _ in entities(before)}
        expected = [f"B{label[1:]}" if i in begins and label != "O" else label for i, label in enumerate(before)]
        assert after == expected


def random_scores_like(rng: np.random.Generator, scores: Float64) -> Float64:
    """Scores that agree with the others on about half of the words."""
    return np.where(rng.random((len(scores), 1)) < 0.5, scores, rng.normal(size=scores.shape))


@pytest.mark.parametrize("label_names", LABEL_SETS)
def test_viterbi_finds_the_best_valid_sequence(label_names: Sequence[str]) -> None:
    scores, counts = random_words(np.random.default_rng(3), label_names, 60, 4)
    found = decode_labels(scores, counts, label_names, "viterbi")
    starts = np.cumsum(counts) - counts
    for sentence, start, count in zip(found, starts, counts, strict=True):
        assert tuple(sentence) == best_sequence(scores[start : start + count], label_names)


@pytest.mark.parametrize("label_names", LABEL_SETS[1:])
def test_viterbi_keeps_what_is_valid_and_does_not_depend_on_a_constant_per_word(label_names: Sequence[str]) -> None:
    rng = np.random.default_rng(4)
    scores, counts = random_words(rng, label_names, 400, 6)
    found = decode_labels(scores, counts, label_names, "viterbi")
    moved = scores + rng.normal(scale=10, size=(len(scores), 1))
    assert decode_labels(moved, counts, label_names, "viterbi") == found
    raw = raw_argmax(scores, counts, label_names)
    valid = [i for i, sentence in enumerate(raw) if is_valid(sentence)]
    assert len(valid) > 50
    assert [found[i] for i in valid] == [raw[i] for i in valid]


@pytest.mark.parametrize("decode", DECODES)
def test_a_sentence_has_the_same_labels_alone(decode: Decode) -> None:
    scores, counts = random_words(np.random.default_rng(5), LABEL_SETS[2], 50, 30)
    together = decode_labels(scores, counts, LABEL_SETS[2], decode)
    parts = np.split(scores, np.cumsum(counts)[:-1])
    alone = [decode_labels(part, [len(part)], LABEL_SETS[2], decode)[0] for part in parts]
    assert together == alone


def test_the_first_of_equal_labels_wins() -> None:
    for names in (("O", "B-A", "I-A"), ("B-A", "O", "I-A"), ("I-A", "B-A", "O")):
        flat = np.zeros((3, 3), dtype=np.float32)
        assert decode_labels(flat, [3], names)[0][0] == ("O" if names[0] == "O" else "B-A")
        viterbi = decode_labels(flat, [3], names, "viterbi")
        assert viterbi == decode_labels(flat, [3], names, "viterbi")
        assert viterbi[0][-1] == names[0]


@pytest.mark.parametrize("decode", DECODES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_scores_of_a_diverged_model(decode: Decode, value: float) -> None:
    for label_names in LABEL_SETS:
        rng = np.random.default_rng(6)
        scores, counts = random_words(rng, label_names, 100, 8)
        scores[rng.random(scores.shape) < 0.5] = value
        assert all(map(is_valid, decode_labels(scores.astype(np.float32), counts, label_names, decode)))
        everywhere = np.full_like(scores, value)
        assert all(map(is_valid, decode_labels(everywhere, counts, label_names, decode)))


@pytest.mark.parametrize("decode", DECODES)
def test_no_sentences_and_no_words(decode: Decode) -> None:
    nothing = np.empty((0, 3), dtype=np.float32)
    assert decode_labels(nothing, [], LABEL_SETS[1], decode) == []
    assert decode_labels(nothing, [0, 0], LABEL_SETS[1], decode) == [[], []]


@pytest.mark.parametrize("decode", DECODES)
def test_thousands_of_sentences_per_second(decode: Decode) -> None:
    """An encoder's forward pass takes some hundred per second on a processor."""
    label_names = ("O", *(f"{prefix}-{kind}" for kind in "ABCDEF" for prefix in "BI"))
    rng = np.random.default_rng(7)
    counts = rng.integers(1, 40, 4000)
    scores = rng.normal(size=(counts.sum(), len(label_names))).astype(np.float32)
    started = time.perf_counter()
    decode_labels(scores, counts, label_names, decode)
    assert 4000 / (time.perf_counter() - started) > 4000
