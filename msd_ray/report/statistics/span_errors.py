"""What kind of errors a system makes: wrong boundaries, wrong type, entities missed or made up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nervaluate import Evaluator

from msd_ray.method.entity_scores import Span, sentence_spans


@dataclass(frozen=True, kw_only=True)
class SpanErrors:
    """Counts of entities; the first five add up to the gold entities, all but `missed` to the predicted ones."""

    correct: int
    """Same boundaries and type: what F1 counts as correct."""
    boundary: int
    """Overlap and same type, other boundaries."""
    type: int
    """Same boundaries, other type."""
    boundary_and_type: int
    """Overlap alone."""
    missed: int
    """Gold entities without a predicted partner."""
    spurious: int
    """Predicted entities without a gold partner."""


def span_errors(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> SpanErrors:
    """Count errors through `nervaluate`, which implements SemEval-2013 task 9.1's measures (Segura-Bedmar et al. 2013).

    nervaluate pairs each predicted entity, from left to right, with at most one gold entity that it overlaps (by 1 % of
    the gold entity's tokens or more) and that has no partner yet; how it chooses depends on the measure. Its `ent_type`
    measure (since nervaluate 1.2) prefers a gold entity of the predicted type, the one with the nearest boundaries,
    before the leftmost one of another type. That pairing is the one counted here:

        correct             strict.correct
        boundary            ent_type.correct - strict.correct
        type                exact.correct - strict.correct
        boundary_and_type   ent_type.incorrect - type
        missed              ent_type.missed
        spurious            ent_type.spurious

    The differences of two measures are counts, and none is negative, because entities of one labelling do not overlap:
    an entity whose boundaries are right overlaps its gold entity alone, and is paired with it by every measure.

    >>> span_errors([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-PER"]])
    SpanErrors(correct=0, boundary=1, type=1, boundary_and_type=0, missed=0, spurious=0)

    Raises:
        ValueError: the numbers of sentences or of a sentence's labels differ, or a label is not BIO.
    """
    pairs = list(sentence_spans(gold, predicted))
    if not pairs:  # nervaluate has no totals then
        return SpanErrors(correct=0, boundary=0, type=0, boundary_and_type=0, missed=0, spurious=0)
    types = sorted({span[0] for pair in pairs for spans in pair for span in spans})
    evaluator = Evaluator(
        [_as_nervaluate(spans) for spans, _ in pairs],
        [_as_nervaluate(spans) for _, spans in pairs],
        tags=types,
        loader="dict",
    )
    totals = evaluator.evaluate()["overall"]
    strict, exact, ent_type = totals["strict"], totals["exact"], totals["ent_type"]
    wrong_type = exact.correct - strict.correct
    return SpanErrors(
        correct=strict.correct,
        boundary=ent_type.correct - strict.correct,
        type=wrong_type,
        boundary_and_type=ent_type.incorrect - wrong_type,
        missed=ent_type.missed,
        spurious=ent_type.spurious,
    )


def _as_nervaluate(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """nervaluate's entities end with their last token."""
    return [{"label": name, "start": start, "end": end - 1} for name, start, end in spans]
