"""Confusion between gold and predicted entity types."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from msd_ray.method.entity_scores import Span, sentence_spans

NONE = "none"
"""Name of the last row (no gold entity: spurious) and the last column (no predicted entity: missed)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TypeConfusion:
    """Counts of paired gold and predicted entities by type."""

    types: tuple[str, ...]
    """The T types of gold or predicted entities, in alphabetical order."""
    counts: npt.NDArray[np.int64]
    """(T+1, T+1): gold type by predicted type. The last row and column are `NONE`; their common cell is 0.

    A row sums to the gold entities of its type, a column to the predicted ones.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of rows and columns, (T+1,)."""
        return (*self.types, NONE)


def type_confusion(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> TypeConfusion:
    """Pair gold with predicted entities that share tokens, one to one, and count the pairs' types.

    Pairs are matched greedily within a sentence: equal spans first, then the largest number of shared tokens, then the
    leftmost gold entity, then the leftmost predicted one. Types do not affect the matching. The diagonal thus counts
    entities of the correct type, whatever their boundaries; unmatched entities are missed or spurious.

    >>> type_confusion([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-PER"]]).counts.tolist()
    [[0, 1, 0], [0, 1, 0], [0, 0, 0]]

    Raises:
        ValueError: the numbers of sentences or of a sentence's labels differ, or a label is not BIO.
    """
    pairs = [pair for spans in sentence_spans(gold, predicted) for pair in _type_pairs(*spans)]
    types = sorted({name for pair in pairs for name in pair if name is not None})
    place: dict[str | None, int] = {name: index for index, name in enumerate(types)}
    place[None] = len(types)
    counts = np.zeros((len(types) + 1, len(types) + 1), dtype=np.int64)
    for gold_type, predicted_type in pairs:
        counts[place[gold_type], place[predicted_type]] += 1
    return TypeConfusion(types=tuple(types), counts=counts)


def _type_pairs(gold: Sequence[Span], predicted: Sequence[Span]) -> Iterator[tuple[str | None, str | None]]:
    """Yield (gold type, predicted type) of every pair of one sentence; None for an unmatched entity.

    Equal spans need no special case: entities of one label sequence do not overlap, so a predicted entity with a gold
    entity's span shares no token with any other gold entity.
    """
    shared = [(min(g[2], p[2]) - max(g[1], p[1]), i, j) for i, g in enumerate(gold) for j, p in enumerate(predicted)]
    free_gold, free_predicted = set(range(len(gold))), set(range(len(predicted)))
    for tokens, i, j in sorted(shared, key=lambda candidate: (-candidate[0], *candidate[1:])):
        if tokens > 0 and i in free_gold and j in free_predicted:
            free_gold.remove(i)
            free_predicted.remove(j)
            yield gold[i][0], predicted[j][0]
    yield from ((gold[i][0], None) for i in free_gold)
    yield from ((None, predicted[j][0]) for j in free_predicted)
