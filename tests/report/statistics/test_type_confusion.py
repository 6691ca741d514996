"""The confusion of types: cases by hand, and a slow twin on random label sequences."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from msd_ray.method.entity_scores import entities, entity_scores
from msd_ray.report.statistics.confusion import NONE, TypeConfusion, type_confusion

Sentences = list[list[str]]
Draw = Callable[..., tuple[Sentences, Sentences]]
Pairs = Counter[tuple[str, str]]


def pairs(confusion: TypeConfusion) -> Pairs:
    names = confusion.names
    rows, columns = np.nonzero(confusion.counts)
    return Counter({(names[i], names[j]): int(confusion.counts[i, j]) for i, j in zip(rows, columns, strict=True)})


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("O O", "O O", []),
        ("B-PER I-PER O", "B-PER I-PER O", ["PER PER"]),
        ("B-PER I-PER O", "O I-PER I-PER", ["PER PER"]),  # boundaries play no part, and I- begins an entity
        ("B-PER I-PER O", "B-LOC O O", ["PER LOC"]),
        ("B-PER I-PER O", "O O B-PER", ["PER none", "none PER"]),
        ("B-PER I-PER I-PER", "B-LOC B-ORG I-ORG", ["PER ORG", "none LOC"]),  # the largest overlap
        ("B-PER I-PER I-PER", "B-LOC B-ORG B-MISC", ["PER LOC", "none ORG", "none MISC"]),  # else the leftmost
        ("B-PER I-PER", "B-LOC B-PER", ["PER LOC", "none PER"]),  # not the one of the same type
        ("B-LOC B-PER I-PER", "B-PER I-PER B-PER", ["LOC PER", "PER PER"]),  # all share one token
        ("B-LOC B-PER I-PER I-PER", "B-ORG I-ORG I-ORG I-ORG", ["LOC none", "PER ORG"]),
        ("B-LOC B-PER B-ORG", "B-LOC B-ORG O", ["LOC LOC", "PER ORG", "ORG none"]),  # equal spans
    ],
)
def test_by_hand(gold: str, predicted: str, expected: list[str]) -> None:
    found = type_confusion([gold.split()], [predicted.split()])
    assert pairs(found) == Counter(tuple(pair.split()) for pair in expected)


def twin(gold: Sentences, predicted: Sentences) -> Pairs:
    """Take the best remaining pair, in the documented order, until none shares a token."""
    found: Pairs = Counter()
    for gold_labels, predicted_labels in zip(gold, predicted, strict=True):
        free_gold, free_predicted = entities(gold_labels), entities(predicted_labels)
        while True:
            best, best_tokens = None, 0.0
            for g in free_gold:
                for p in free_predicted:
                    tokens = len(set(range(g[1], g[2])) & set(range(p[1], p[2])))
                    rank = float("inf") if g[1:] == p[1:] else tokens
                    if rank > best_tokens:
                        best, best_tokens = (g, p), rank
            if best is None:
                break
            free_gold.remove(best[0])
            free_predicted.remove(best[1])
            found[best[0][0], best[1][0]] += 1
        found.update((g[0], NONE) for g in free_gold)
        found.update((NONE, p[0]) for p in free_predicted)
    return found


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("valid", [False, True])
def test_it_is_the_twins_and_adds_up(random_sentences: Draw, seed: int, valid: bool) -> None:
    gold, predicted = random_sentences(seed, valid=valid, agreement=0.5)
    found = type_confusion(gold, predicted)
    assert pairs(found) == twin(gold, predicted)
    per_type = entity_scores(gold, predicted).per_type
    assert found.types == tuple(per_type) == ("LOC", "MISC", "PER")
    assert found.names == ("LOC", "MISC", "PER", "none")
    assert found.counts.shape == (4, 4)
    assert found.counts[-1, -1] == 0
    assert found.counts[:-1].sum(axis=1).tolist() == [scores.gold for scores in per_type.values()]
    assert found.counts[:, :-1].sum(axis=0).tolist() == [scores.predicted for scores in per_type.values()]
    assert (np.diag(found.counts)[:-1] >= [scores.correct for scores in per_type.values()]).all()


def test_a_perfect_system_has_no_confusion(random_sentences: Draw) -> None:
    gold, _ = random_sentences(0)
    found = type_confusion(gold, gold)
    assert (found.counts == np.diag(np.diag(found.counts))).all()
    assert found.counts.sum() == entity_scores(gold, gold).gold


def test_no_entity() -> None:
    found = type_confusion([["O"]], [["O"]])
    assert found.types == ()
    assert found.counts.tolist() == [[0]]


def test_labels_of_different_lengths_are_rejected() -> None:
    with pytest.raises(ValueError, match="sentence 0: expected 2 predicted labels, found 1"):
        type_confusion([["O", "O"]], [["O"]])
