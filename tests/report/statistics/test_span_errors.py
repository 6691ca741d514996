"""Error types: cases by hand, and a slow transcription of the documented matching on random label sequences."""

from collections import Counter
from collections.abc import Callable

import pytest
from nervaluate import Evaluator

from msd_ray.method.entity_scores import entities, entity_scores
from msd_ray.report.statistics.span_errors import SpanErrors, span_errors

Sentences = list[list[str]]
Draw = Callable[..., tuple[Sentences, Sentences]]


def errors(**counts: int) -> SpanErrors:
    kinds = ("correct", "boundary", "type", "boundary_and_type", "missed", "spurious")
    assert set(counts) <= set(kinds)
    return SpanErrors(**{kind: counts.get(kind, 0) for kind in kinds})


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("O O", "O O", errors()),
        ("B-PER I-PER O", "B-PER I-PER O", errors(correct=1)),
        ("B-PER I-PER O", "B-PER O O", errors(boundary=1)),
        ("B-PER I-PER O", "B-PER I-PER I-PER", errors(boundary=1)),
        ("B-PER I-PER O", "B-LOC I-LOC O", errors(type=1)),
        ("B-PER I-PER O", "O B-LOC I-LOC", errors(boundary_and_type=1)),
        ("B-PER I-PER O", "O O O", errors(missed=1)),
        ("O O O", "O B-PER O", errors(spurious=1)),
        ("B-PER I-PER O", "O O B-PER", errors(missed=1, spurious=1)),  # no token in common: two errors
        ("B-PER I-PER", "B-PER B-PER", errors(boundary=1, spurious=1)),  # one entity cut in two
        ("B-PER B-PER", "B-PER I-PER", errors(boundary=1, missed=1)),  # two made one
        ("B-LOC B-PER", "B-PER I-PER", errors(boundary=1, missed=1)),  # the partner is the one of its type
        ("B-PER I-PER O B-LOC", "B-PER I-PER O B-LOC", errors(correct=2)),
        # I- begins an entity, in gold and in predicted labels, as it does for F1
        ("I-PER I-PER O", "B-PER I-PER O", errors(correct=1)),
        ("O I-PER I-PER", "O O I-PER", errors(boundary=1)),
        ("B-PER I-LOC", "B-PER I-PER", errors(boundary=1, missed=1)),
    ],
)
def test_by_hand(gold: str, predicted: str, expected: SpanErrors) -> None:
    assert span_errors([gold.split()], [predicted.split()]) == expected


def twin(gold: Sentences, predicted: Sentences) -> Counter[str]:
    """Match predictions from left to right: the nearest unmatched gold entity of the type, else the leftmost other."""
    kinds: Counter[str] = Counter()
    for gold_labels, predicted_labels in zip(gold, predicted, strict=True):
        free = entities(gold_labels)
        for name, start, end in entities(predicted_labels):
            touched = [g for g in free if set(range(start, end)) & set(range(g[1], g[2]))]
            of_type = [g for g in touched if g[0] == name]
            if not touched:
                kinds["spurious"] += 1
                continue
            near = sorted(of_type, key=lambda g: abs(g[1] - start) + abs(g[2] - end))
            partner = near[0] if near else touched[0]
            free.remove(partner)
            boundaries = partner[1:] == (start, end)
            if near:
                kinds["correct" if boundaries else "boundary"] += 1
            else:
                kinds["type" if boundaries else "boundary_and_type"] += 1
        kinds["missed"] += len(free)
    return kinds


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("valid", [False, True])
def test_it_is_the_twins_and_adds_up(random_sentences: Draw, seed: int, valid: bool) -> None:
    gold, predicted = random_sentences(seed, valid=valid, agreement=0.5)
    found, expected = span_errors(gold, predicted), twin(gold, predicted)
    assert found == errors(**expected)
    assert min(expected.values()) > 0
    assert len(expected) == 6
    scores = entity_scores(gold, predicted)
    paired = found.correct + found.boundary + found.type + found.boundary_and_type
    assert found.correct == scores.correct
    assert paired + found.missed == scores.gold
    assert paired + found.spurious == scores.predicted


@pytest.mark.parametrize("seed", range(5))
def test_nervaluate_reads_labels_as_we_do(random_sentences: Draw, seed: int) -> None:
    """nervaluate's own parser of label sequences gives the same totals as our entities."""
    gold, predicted = random_sentences(seed)
    totals = Evaluator(gold, predicted, tags=["LOC", "MISC", "PER"], loader="list").evaluate()["overall"]
    found = span_errors(gold, predicted)
    assert (found.correct, found.missed, found.spurious) == (
        totals["strict"].correct,
        totals["ent_type"].missed,
        totals["ent_type"].spurious,
    )


def test_one_percent_of_a_very_long_entity_is_no_overlap() -> None:
    gold = [["B-PER", *["I-PER"] * 100]]
    assert span_errors(gold, [["B-PER", *["O"] * 100]]) == errors(missed=1, spurious=1)
    assert span_errors(gold, [["B-PER", "I-PER", *["O"] * 99]]) == errors(boundary=1)


def test_no_sentence_and_no_entity() -> None:
    assert span_errors([], []) == errors()
    assert span_errors([[], ["O"]], [[], ["O"]]) == errors()


def test_types_of_any_name() -> None:
    assert span_errors([["B-Medical-Term", "I-Medical-Term"]], [["B-Medical-Term", "O"]]) == errors(boundary=1)


def test_labels_of_different_lengths_are_rejected() -> None:
    with pytest.raises(ValueError, match="expected 2 predicted sentences, one per gold sentence, found 1"):
        span_errors([["O"], ["O"]], [["O"]])
    with pytest.raises(ValueError, match="sentence 0: expected 2 predicted labels, found 1"):
        span_errors([["O", "O"]], [["O"]])
    with pytest.raises(ValueError, match="is not O, B-TYPE or I-TYPE"):
        span_errors([["PER"]], [["O"]])
