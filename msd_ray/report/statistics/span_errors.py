"""Counts of error types: wrong boundaries, wrong type, missed and spurious entities."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nervaluate import Evaluator

from msd_ray.method.entity_scores import Span, sentence_spans


@dataclass(frozen=True, kw_only=True)
class SpanErrors:
    """Counts of entities. The first five sum to the gold entities, all except `missed` to the predicted ones."""

    correct: int
    """Same boundaries and type, as F1 counts."""
    boundary: int
    """Overlap and same type, other boundaries."""
    type: int
    """Same boundaries, other type."""
    boundary_and_type: int
    """Overlap, other boundaries and type."""
    missed: int
    """Unmatched gold entities."""
    spurious: int
    """Unmatched predicted entities."""


def span_errors(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> SpanErrors:
    """Count errors with `nervaluate`, which implements the measures of SemEval-2013 task 9.1 (Segura-Bedmar et al.).

    nervaluate matches each predicted entity, from left to right, with at most one unmatched gold entity that it
    overlaps by at least 1 % of the gold entity's tokens. The choice depends on the measure: `ent_type` (since
    nervaluate 1.2) prefers the gold entity of the predicted type with the nearest boundaries, then the leftmost one of
    another type.
    The counts follow the matching of `ent_type`:

        correct             strict.correct
        boundary            ent_type.correct - strict.correct
        type                exact.correct - strict.correct
        boundary_and_type   ent_type.incorrect - type
        missed              ent_type.missed
        spurious            ent_type.spurious

    No difference is negative, because entities of one label sequence do not overlap: an entity with correct boundaries
    overlaps only its gold entity, so every measure matches the two.

    >>> span_errors([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-PER"]])
    SpanErrors(correct=0, boundary=1, type=1, boundary_and_type=0, missed=0, spurious=0)

    Raises:
        ValueError: the numbers of sentences or of a sentence's labels differ, or a label is not BIO.
    """
    pairs = list(sentence_spans(gold, predicted))
    if not pairs:  # nervaluate returns no totals for an empty list
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
    """Convert spans for nervaluate, whose `end` is the last token."""
    return [{"label": name, "start": start, "end": end - 1} for name, start, end in spans]
