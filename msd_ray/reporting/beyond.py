"""Tables that the paper has not: how epochs were chosen, entity types, kinds of errors. (Paired tests: pairwise.py.)

Their rows are this package's variants. Where runs were scored on dev, title and headings say so. The control that is
not zero-shot stands apart at the end and is never the best.
"""

from dataclasses import fields

from ..corpora.catalogue import DATASETS
from ..statistics.span_errors import SpanErrors
from ..statistics.summary import summarise
from . import notes
from .cells import SUMMARY_FIELDS, JoinedCell, SummaryCell, TextCell, points
from .results import Measures, Results, by_seed
from .table import Group, Table
from .variant_rows import absent, best_in, failed, fields_on, score_cell, scored_on, variant_sections, where

_SPAN_HEADINGS = {"boundary_and_type": "both"}


def selection_table(results: Results) -> Table:
    """F1 of the epoch chosen on target dev and on source dev, side by side, and without repeated sentences."""
    columns = (results.f1, results.f1_source_selected, results.f1_deduplicated)
    best = {lang: [best_in(scores, lang) for scores in columns] for lang in results.langs}

    def cell(variant: str, lang: str) -> JoinedCell:
        target, source, deduplicated = (
            score_cell(results, scores, variant, lang, highest)
            for scores, highest in zip(columns, best[lang], strict=True)
        )
        difference = None
        if target.summary is not None and source.summary is not None:
            difference = 100 * (source.summary.mean - target.summary.mean)
        return JoinedCell(parts=(target, _interval(target), source, points(difference), deduplicated))

    return Table(
        key=f"selection-{results.dataset}",
        title=f"F1 (%) by how the epoch was chosen, and without repeated sentences: {where(results, results.langs)}",
        label_heading="Variant",
        groups=tuple(_selection_group(results, lang) for lang in results.langs),
        sections=variant_sections(lambda variant: tuple(cell(variant, lang) for lang in results.langs)),
        notes=notes.ours_alone(results, results.langs, notes.SPREAD, notes.SELECTION, notes.BOLD, notes.CONTROL),
    )


def _selection_group(results: Results, lang: str) -> Group:
    target, source, deduplicated = (
        fields_on(results, lang, [f"{kind}_{field}" for field in SUMMARY_FIELDS])
        for kind in ("target_selected", "source_selected", "deduplicated")
    )
    return Group(
        key=lang,
        heading=f"{lang}{scored_on(results, lang)}",
        columns=("target dev", "95 % interval", "source dev", "source − target", "deduplicated"),
        fields=(*target, *source, "difference", *deduplicated),
    )


def _interval(cell: SummaryCell) -> TextCell:
    summary = cell.summary
    if summary is None:
        return TextCell(text=cell.absent)
    if summary.low is None or summary.high is None:
        return TextCell(text="one seed")
    return TextCell(text=f"{100 * summary.low:.2f} to {100 * summary.high:.2f}")


def type_table(results: Results, lang: str) -> Table:
    """Precision, recall and F1 of all entities and of each type, in one language."""
    known = DATASETS[results.dataset].entity_types
    types = (*known, *sorted(set(results.types) - set(known)))
    measures = {"all": results.overall} | {name: results.types.get(name, Measures()) for name in types}
    best = {name: best_in(measure.f1, lang) for name, measure in measures.items()}

    def cell(variant: str, name: str) -> JoinedCell:
        measure = measures[name]
        return JoinedCell(
            parts=(
                score_cell(results, measure.precision, variant, lang),
                score_cell(results, measure.recall, variant, lang),
                score_cell(results, measure.f1, variant, lang, best[name]),
            )
        )

    names = [f"{kind}_{field}" for kind in ("precision", "recall", "f1") for field in SUMMARY_FIELDS]
    return Table(
        key=f"types-{results.dataset}-{lang}",
        title=f"Precision, recall and F1 (%) by entity type: {where(results, (lang,))}",
        label_heading="Variant",
        groups=tuple(
            Group(
                key=name,
                heading=f"{name}{scored_on(results, lang)}",
                columns=("P", "R", "F1"),
                fields=fields_on(results, lang, names),
            )
            for name in measures
        ),
        sections=variant_sections(lambda variant: tuple(cell(variant, name) for name in measures)),
        notes=notes.ours_alone(results, (lang,), notes.SPREAD, notes.TYPES, notes.BOLD, notes.CONTROL),
    )


def span_error_table(results: Results, lang: str) -> Table:
    """How many entities are right, partly right, missed and spurious, in one language."""
    kinds = tuple(field.name for field in fields(SpanErrors))

    def cell(variant: str, kind: str) -> SummaryCell:
        counts = [getattr(errors, kind) for errors in by_seed(results.span_errors, variant, lang).values()]
        return SummaryCell(
            summary=summarise(counts) if counts else None,
            absent=absent(results, variant, lang),
            failed=failed(results, variant, lang),
            scale=1.0,
            decimals=1,
        )

    return Table(
        key=f"spans-{results.dataset}-{lang}",
        title=f"Entities by kind of error: {where(results, (lang,))}",
        label_heading="Variant",
        groups=tuple(
            Group(
                key=kind,
                heading=f"{_SPAN_HEADINGS.get(kind, kind)}{scored_on(results, lang)}",
                columns=("",),
                fields=fields_on(results, lang, SUMMARY_FIELDS),
            )
            for kind in kinds
        ),
        sections=variant_sections(lambda variant: tuple(cell(variant, kind) for kind in kinds)),
        notes=notes.ours_alone(results, (lang,), notes.SPANS, notes.CONTROL),
    )
