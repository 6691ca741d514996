"""Windows over long sentences: each within its budget, every word taken once, with context around it."""

from itertools import pairwise

import numpy as np
import pytest

from msd_ray.data.windows import split_into_windows


def test_short_sentences_are_one_window() -> None:
    (window,) = split_into_windows([1, 2, 3], budget=6, context=2)
    assert (window.start, window.end, window.first, window.last) == (0, 3, 0, 3)


def test_words_of_one_token() -> None:
    windows = split_into_windows([1] * 10, budget=4, context=1)
    assert [(w.start, w.end, w.first, w.last) for w in windows] == [
        (0, 4, 0, 3),
        (2, 6, 3, 5),
        (4, 8, 5, 7),
        (6, 10, 7, 10),
    ]


def test_words_longer_than_a_window_stand_alone() -> None:
    windows = split_into_windows([1, 1, 9, 1, 9, 9], budget=4, context=1)
    assert [(w.start, w.end) for w in windows] == [(0, 2), (2, 3), (3, 4), (4, 5), (5, 6)]
    assert [(w.first, w.last) for w in windows] == [(0, 2), (2, 3), (3, 4), (4, 5), (5, 6)]


def test_any_sentence() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        counts = rng.integers(0, rng.integers(2, 12), size=rng.integers(1, 120)).tolist()
        budget = int(rng.integers(1, 40))
        context = int(rng.integers(0, 20))
        windows = split_into_windows(counts, budget=budget, context=context)
        taken = [word for w in windows for word in range(w.first, w.last)]
        assert taken == list(range(len(counts))), "every word once, in order"
        assert len(windows) <= len(counts)
        for w in windows:
            assert w.start <= w.first <= w.last <= w.end
            assert sum(counts[w.start : w.end]) <= budget or w.end - w.start == 1
        for left, right in pairwise(windows):
            assert left.end < right.end, "every window brings a new word"


def test_context_on_both_sides_of_every_cut() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 4, size=400).tolist()
    windows = split_into_windows(counts, budget=60, context=15)
    for left, right in pairwise(windows):
        # Off by less than the words at the edges and in the middle are long.
        assert sum(counts[left.last : left.end]) >= 15 - 3
        assert sum(counts[right.start : right.first]) >= 15 - 3


def test_no_room() -> None:
    with pytest.raises(ValueError, match="holds no word"):
        split_into_windows([1], budget=0, context=0)
