"""Batches of one corpus beside batches of another: by length or at random, each corpus at its own pace."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from some_batches import as_lists, some_lengths

from msd_ray.data.batches import paired_batches, training_batches
from msd_ray.method.settings import Pairing

PAIRINGS: list[Pairing] = ["length", "random"]


def test_pairs_hold_the_corpus_once_and_partners_of_like_length() -> None:
    lengths, others = some_lengths(640, seed=1), some_lengths(2500, seed=2)
    pairs = paired_batches(lengths, others, 32, seed=3, epoch=1)
    assert as_lists([batch for batch, _ in pairs]) == as_lists(training_batches(lengths, 32, seed=3, epoch=1))
    means = np.array([[lengths[batch].mean(), others[other].mean()] for batch, other in pairs])
    np.testing.assert_array_equal(np.argsort(means[:, 0]), np.argsort(means[:, 1]))
    unpaired = np.corrcoef(means[:, 0], np.roll(means[:, 1], 1))[0, 1]
    assert np.corrcoef(means[:, 0], means[:, 1])[0, 1] > max(0.9, unpaired)


@pytest.mark.parametrize("pairing", PAIRINGS)
@pytest.mark.parametrize(("count", "other_count"), [(320, 1000), (1000, 320), (330, 330), (70, 4000)])
def test_the_other_corpus_is_used_up_evenly_over_epochs(count: int, other_count: int, pairing: Pairing) -> None:
    lengths, others = some_lengths(count, seed=1), some_lengths(other_count, seed=2)
    seen: Counter[int] = Counter()
    for epoch in range(1, 14):
        pairs = paired_batches(lengths, others, 32, seed=0, epoch=epoch, pairing=pairing)
        seen.update(chain.from_iterable(other.tolist() for _, other in pairs))
        times = [seen[sentence] for sentence in range(other_count)]
        assert max(times) - min(times) <= 1
    batches, a_pass = 13 * -(-count // 32), -(-other_count // 32)
    assert max(times) == -(-batches // a_pass)


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_pairs_depend_on_seed_and_epoch_alone(pairing: Pairing) -> None:
    lengths, others = some_lengths(200, seed=1), some_lengths(300, seed=2)

    def pairs(seed: int, epoch: int) -> list[list[list[int]]]:
        return [
            as_lists(list(pair))
            for pair in paired_batches(lengths, others, 32, seed=seed, epoch=epoch, pairing=pairing)
        ]

    assert pairs(0, 5) == pairs(0, 5)
    assert pairs(0, 5) != pairs(0, 4)
    assert pairs(0, 5) != pairs(1, 5)


def test_like_lengths_unless_asked_otherwise() -> None:
    lengths, others = some_lengths(640, seed=1), some_lengths(640, seed=2)
    default = paired_batches(lengths, others, 32, seed=3, epoch=2)
    by_length, random = (paired_batches(lengths, others, 32, seed=3, epoch=2, pairing=pairing) for pairing in PAIRINGS)
    assert as_lists([other for _, other in default]) == as_lists([other for _, other in by_length])
    assert as_lists([other for _, other in default]) != as_lists([other for _, other in random])


def test_random_partners_are_drawn_without_a_look_at_lengths() -> None:
    """The passes over the other corpus one after the other: no batch is moved, whatever it is paired with."""
    count, other_count = 1000, 800  # 32 batches an epoch, 25 a pass
    others = some_lengths(other_count, seed=2)
    passes = [training_batches(others, 32, seed=3, epoch=number, stream=1) for number in range(1, 6)]
    stream = as_lists([batch for one_pass in passes for batch in one_pass])
    for lengths in (some_lengths(count, seed=1), np.arange(count) % 100 + 3):
        found = [
            other
            for epoch in (1, 2, 3)
            for _, other in paired_batches(lengths, others, 32, seed=3, epoch=epoch, pairing="random")
        ]
        assert as_lists(found) == stream[: 3 * 32]


def test_random_partners_are_of_other_lengths() -> None:
    lengths, others = some_lengths(6400, seed=1), some_lengths(6400, seed=2)
    pairs = paired_batches(lengths, others, 32, seed=3, epoch=1, pairing="random")
    assert as_lists([batch for batch, _ in pairs]) == as_lists(training_batches(lengths, 32, seed=3, epoch=1))
    means = np.array([[lengths[batch].mean(), others[other].mean()] for batch, other in pairs])
    assert abs(np.corrcoef(means[:, 0], means[:, 1])[0, 1]) < 0.25
    assert abs(np.corrcoef(means[:, 1], np.arange(len(means)))[0, 1]) < 0.25
