"""Batches: every sentence once, an order that seed and epoch decide, sizes and padding."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from some_batches import as_lists, some_lengths

from msd_ray.data.batches import evaluation_batches, padding_share, training_batches


@pytest.mark.parametrize("count", [1, 31, 32, 33, 2047, 2048, 2049, 2050, 4097, 15_300])
def test_every_sentence_once_in_batches_of_nearly_equal_size(count: int) -> None:
    batches = training_batches(some_lengths(count), 32, seed=1, epoch=1)
    assert sorted(chain.from_iterable(as_lists(batches))) == list(range(count))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= 32
    # Each of 8 workers gets a sentence of every batch, unless there are not as many in the corpus.
    assert min(sizes) >= min(8, count)
    if count > 32:
        assert min(sizes) >= 16
    if count > 10 * 32:
        assert min(sizes) >= 30


def test_order_depends_on_seed_epoch_and_stream_alone() -> None:
    lengths = some_lengths(500)
    orders = [
        as_lists(training_batches(lengths, 32, seed=seed, epoch=epoch, stream=stream))
        for seed, epoch, stream in [(1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 2, 0), (1, 1, 1)]
    ]
    assert as_lists(training_batches(lengths.copy(), 32, seed=1, epoch=1)) == orders[0]
    assert len({str(order) for order in orders}) == len(orders)


def test_a_sentence_changes_its_company() -> None:
    lengths = some_lengths(5000)
    first, second = (training_batches(lengths, 32, seed=0, epoch=epoch) for epoch in (1, 2))
    batch_of = {sentence: number for number, batch in enumerate(second) for sentence in batch.tolist()}
    kept = [max(Counter(batch_of[sentence] for sentence in batch.tolist()).values()) for batch in first]
    assert np.mean(kept) < 32 / 3


def test_batches_come_in_no_order_of_length() -> None:
    lengths = some_lengths(2000)
    means = np.array([lengths[batch].mean() for batch in training_batches(lengths, 32, seed=0, epoch=1)])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_an_empty_corpus_has_no_batches() -> None:
    with pytest.raises(ValueError, match="the corpus is empty"):
        training_batches(np.zeros(0, dtype=np.int64), 32, seed=0, epoch=1)


def test_padding_share_by_counting() -> None:
    lengths = np.array([3, 5, 4, 9])
    assert padding_share(lengths, [np.array([0, 1]), np.array([2, 3])]) == pytest.approx(7 / 28)
    assert padding_share(lengths, [np.array([0]), np.array([3])]) == 0.0


def test_bucketing_keeps_padding_low() -> None:
    lengths = some_lengths(15_300)
    assert padding_share(lengths, training_batches(lengths, 32, seed=0, epoch=1)) < 0.05


def test_evaluation_batches_are_full_and_long_first() -> None:
    lengths = some_lengths(1000)
    batches = evaluation_batches(lengths, tokens=512)
    assert sorted(chain.from_iterable(as_lists(batches))) == list(range(1000))
    ordered = lengths[np.concatenate(batches)]
    assert (np.diff(ordered) <= 0).all()
    padded = [len(batch) * int(lengths[batch].max()) for batch in batches]
    assert max(padded) <= 512
    assert all(tokens + lengths[batch].max() > 512 for tokens, batch in zip(padded[:-1], batches, strict=False))


def test_a_sentence_longer_than_a_batch_is_one() -> None:
    assert as_lists(evaluation_batches(np.array([10, 100, 9]), tokens=20)) == [[1], [0, 2]]
