"""Which sentences go together in a batch: neighbours in length, so that almost nothing is padding.

Training order is a pure function of seed and epoch: a resumed run needs no stored order, and two trials with
one seed see the same batches.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

# Batches drawn together: enough sentences that neighbours have nearly equal lengths, few enough that a batch's
# company changes from epoch to epoch.
BATCHES_A_POOL = 64


def training_batches(lengths: Int64, batch_size: int, *, seed: int, epoch: int, stream: int = 0) -> list[Int64]:
    """Sentence indices of each batch of one epoch, every sentence once.

    Shuffle all, cut into pools, sort each pool by length, cut into batches, shuffle the batches. Pools and batches
    are of nearly equal size: no batch is left with too few sentences for the workers that divide it.

    lengths (S,): tokens of each sentence. stream: another number, another order with the same seed.
    Raises ValueError for an empty corpus.
    """
    if len(lengths) == 0:
        raise ValueError("no sentences to make batches of")
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
    """One epoch's batches of a corpus, each with a batch of another corpus.

    The other corpus is gone through again and again, at its own pace over the epochs. With `length`, batches are paired
    by the order of their lengths: a distance between their distributions is then that of the corpora, not that of
    short sentences from long ones. With `random` a batch gets the next one of the other corpus, whatever its length.
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
    """Batches number (epoch - 1) * count to epoch * count of endless passes over a corpus."""
    a_pass = len(training_batches(lengths, batch_size, seed=seed, epoch=1, stream=1))
    wanted = range((epoch - 1) * count, epoch * count)
    passes = {
        number: training_batches(lengths, batch_size, seed=seed, epoch=number + 1, stream=1)
        for number in range(wanted.start // a_pass, (wanted.stop - 1) // a_pass + 1)
    }
    return [passes[index // a_pass][index % a_pass] for index in wanted]


def evaluation_batches(lengths: Int64, *, tokens: int) -> list[Int64]:
    """All sentences from long to short in batches of at most `tokens` tokens, padding counted.

    Long first: what does not fit into memory fails at once.
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
    """Padding tokens among all tokens of the batches, 0..1."""
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    real = sum(int(lengths[batch].sum()) for batch in batches)
    return 1.0 - real / padded
