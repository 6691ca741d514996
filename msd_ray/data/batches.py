"""Batches of sentences of similar length, which need little padding.

Training order is a pure function of seed and epoch: a resumed run needs no stored order, and two trials with the same
seed get the same batches.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

# Large enough that neighbours in a pool have nearly equal lengths, small enough that batches differ between epochs.
BATCHES_A_POOL = 64


def training_batches(lengths: Int64, batch_size: int, *, seed: int, epoch: int, stream: int = 0) -> list[Int64]:
    """Sentence indices of each batch of one epoch; every sentence occurs once.

    Shuffles all sentences, cuts them into pools, sorts each pool by length, cuts it into batches, and shuffles the
    batches. Pools and batches have nearly equal sizes, so no batch has too few sentences for the workers that share it.

    Args:
        lengths: (S,) tokens of each sentence.
        batch_size: maximum sentences per batch.
        seed: seed of the order.
        epoch: 1-based.
        stream: selects another order with the same seed.

    Raises:
        ValueError: the corpus is empty.
    """
    if len(lengths) == 0:
        raise ValueError("the corpus is empty: no batches")
    rng = np.random.default_rng([seed, stream, epoch])
    order = rng.permutation(len(lengths))
    batches: list[Int64] = []
    for pool in np.array_split(order, -(-len(order) // (batch_size * BATCHES_A_POOL))):
        by_length = pool[np.argsort(lengths[pool], kind="stable")]
        batches += np.array_split(by_length, -(-len(pool) // batch_size))
    return [batches[i] for i in rng.permutation(len(batches))]


def paired_batches(
    lengths: Int64,
    other_lengths: Int64,
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    pairing: Literal["length", "random"] = "length",
) -> list[tuple[Int64, Int64]]:
    """One epoch's batches of a corpus, each paired with a batch of another corpus.

    The other corpus is repeated as often as necessary, across epochs.

    Args:
        lengths: (S,) tokens of each sentence of the first corpus.
        other_lengths: tokens of each sentence of the other corpus.
        batch_size: maximum sentences per batch.
        seed: seed of both orders.
        epoch: 1-based.
        pairing: "length" pairs batches by rank of their mean length, so that a distance between their distributions
            is not one between short and long sentences; "random" takes the next batch, whatever its length.
    """
    batches = training_batches(lengths, batch_size, seed=seed, epoch=epoch)
    others = _stream_of_batches(other_lengths, batch_size, len(batches), seed=seed, epoch=epoch)
    if pairing == "random":
        return list(zip(batches, others, strict=True))
    by_length = np.argsort([lengths[batch].mean() for batch in batches], kind="stable")
    others_by_length = np.argsort([other_lengths[batch].mean() for batch in others], kind="stable")
    partner = dict(zip(by_length.tolist(), others_by_length.tolist(), strict=True))
    return [(batch, others[partner[place]]) for place, batch in enumerate(batches)]


def _stream_of_batches(lengths: Int64, batch_size: int, count: int, *, seed: int, epoch: int) -> list[Int64]:
    """Batches number (epoch - 1) * count to epoch * count of repeated passes over a corpus."""
    a_pass = len(training_batches(lengths, batch_size, seed=seed, epoch=1, stream=1))
    wanted = range((epoch - 1) * count, epoch * count)
    passes = {
        number: training_batches(lengths, batch_size, seed=seed, epoch=number + 1, stream=1)
        for number in range(wanted.start // a_pass, (wanted.stop - 1) // a_pass + 1)
    }
    return [passes[index // a_pass][index % a_pass] for index in wanted]


def evaluation_batches(lengths: Int64, *, tokens: int) -> list[Int64]:
    """All sentences, longest first, in batches of at most `tokens` tokens, padding included.

    Longest first, so that running out of memory happens at once.
    """
    order = np.argsort(-lengths, kind="stable")
    batches: list[Int64] = []
    start = 0
    while start < len(order):
        size = max(1, tokens // int(lengths[order[start]]))
        batches.append(order[start : start + size])
        start += size
    return batches


def padding_share(lengths: Int64, batches: Sequence[Int64]) -> float:
    """Share of padding among all tokens of the batches, 0..1."""
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    real = sum(int(lengths[batch].sum()) for batch in batches)
    return 1.0 - real / padded
