"""Tables that are not in the paper: all variants, repeated sentences, entity types, error types.

Rows are an ablation's variants or a search's final rows, those that were run. Title and headings mark scores on dev.
The control, which is not zero-shot, is in a section of its own at the end and is never marked as best. Paired tests are
in pairwise.py.
"""

from dataclasses import fields

from msd_ray.data.catalogue import DATASETS

from . import notes
from .cells import SUMMARY_FIELDS, JoinedCell, SummaryCell, best_of, interval, is_best, points
from .results import Measures, Results, average_over, by_seed, is_zero_shot
from .statistics.span_errors import SpanErrors
from .statistics.summary import summarise
from .table import Group, Row, Section, Table
from .variant_rows import (
    SEEDS,
    absent,
    absent_average,
    best_in,
    fields_on,
    score_cell,
    scored_on,
    seeds_cell,
    variant_sections,
    where,
)

_SPAN_HEADINGS = {"boundary_and_type": "both"}


def variants_table(results: Results) -> Table:
    """Build the table of every variant's F1 in every language, with the average for two or more languages."""
    langs = results.langs
    best = {lang: best_in(results, results.f1, lang) for lang in langs}
    averages = {name: average_over(results.f1, name, langs) for name in results.labels} if len(langs) > 1 else {}
    best_average = best_of([averages[name] for name in averages if is_zero_shot(name)])

    def average(variant: str) -> SummaryCell:
        summary = averages[variant]
        best = is_zero_shot(variant) and is_best(summary, best_average)
        return SummaryCell(summary=summary, absent=absent_average(results, variant, langs), best=best)

    def cells(variant: str) -> tuple[SummaryCell, ...]:
        scores = [score_cell(results, results.f1, variant, lang, best[lang]) for lang in langs]
        return (*scores, *([average(variant)] if averages else []))

    any_on_dev = next((lang for lang in langs if results.on_dev(lang)), "")
    return Table(
        key=f"variants-{results.dataset}",
        title=f"Entity-level F1 (%): {where(results, langs)}",
        label_heading="Variant",
        groups=(
            *(_score_group(results, lang, lang) for lang in langs),
            *([_score_group(results, "Avg", any_on_dev)] if averages else []),
        ),
        sections=variant_sections(results, langs, cells),
        notes=notes.for_own_tables(
            results, langs, notes.SPREAD, notes.BOLD, notes.CONTROL, *notes.shared_seeds(results, langs)
        ),
    )


def english_table(results: Results) -> Table:
    """Build Table 5's counterpart for any data set: the teachers' F1 on the source language."""
    teachers = [name for name in ("direct", "mixture") if name in results.source_f1]
    best = {lang: best_in(results, results.source_f1, lang) for lang in results.langs}
    rows = tuple(
        Row(
            label=results.labels[name],
            name=name,
            cells=tuple(score_cell(results, results.source_f1, name, lang, best[lang]) for lang in results.langs),
        )
        for name in teachers
    )
    return Table(
        key=f"english-{results.dataset}",
        title=f"Entity-level F1 (%) of the teachers on English, by target language: {where(results, results.langs)}",
        label_heading="Teacher",
        groups=tuple(_score_group(results, lang, lang) for lang in results.langs),
        sections=(Section(rows=rows),),
        notes=notes.for_own_tables(
            results, results.langs, notes.SPREAD, notes.SOURCE, notes.BOLD, why_on_dev=notes.SOURCE_ON_DEV
        ),
    )


def _score_group(results: Results, heading: str, lang: str) -> Group:
    """Return a group of one column; `lang` determines the scored split in its heading."""
    return Group(
        key=heading.lower(),
        heading=f"{heading}{scored_on(results, lang)}",
        columns=("",),
        fields=fields_on(results, lang, SUMMARY_FIELDS),
    )


def deduplicated_table(results: Results) -> Table:
    """Build the table of F1 with its interval, and of F1 without sentences that are also in the training text."""
    columns = (results.f1, results.f1_deduplicated)
    best = {lang: [best_in(results, scores, lang) for scores in columns] for lang in results.langs}

    def cell(variant: str, lang: str) -> JoinedCell:
        f1, deduplicated = (
            score_cell(results, scores, variant, lang, highest)
            for scores, highest in zip(columns, best[lang], strict=True)
        )
        difference = None
        if f1.summary is not None and deduplicated.summary is not None:
            difference = 100 * (deduplicated.summary.mean - f1.summary.mean)
        return JoinedCell(parts=(f1, interval(f1.summary, f1.absent), deduplicated, points(difference)))

    return Table(
        key=f"deduplicated-{results.dataset}",
        title=f"F1 (%), with and without repeated sentences: {where(results, results.langs)}",
        label_heading="Variant",
        groups=tuple(_deduplicated_group(results, lang) for lang in results.langs),
        sections=variant_sections(
            results, results.langs, lambda variant: tuple(cell(variant, lang) for lang in results.langs)
        ),
        notes=notes.for_own_tables(results, results.langs, notes.SPREAD, notes.DEDUPLICATED, notes.BOLD, notes.CONTROL),
    )


def _deduplicated_group(results: Results, lang: str) -> Group:
    f1, deduplicated = (
        fields_on(results, lang, [f"{kind}{field}" for field in SUMMARY_FIELDS]) for kind in ("", "deduplicated_")
    )
    return Group(
        key=lang,
        heading=f"{lang}{scored_on(results, lang)}",
        columns=("F1", "95 % interval", "deduplicated", "difference"),
        fields=(*f1, *deduplicated, "difference"),
    )


def type_table(results: Results, lang: str) -> Table:
    """Build the table of precision, recall and F1 per entity type and over all types, in one language."""
    known = DATASETS[results.dataset].entity_types if results.dataset in DATASETS else ()
    types = (*known, *sorted(set(results.types) - set(known)))
    measures = {"all": results.overall} | {name: results.types.get(name, Measures()) for name in types}
    best = {name: best_in(results, measure.f1, lang) for name, measure in measures.items()}

    def cell(variant: str, name: str) -> JoinedCell:
        measure, row_n = measures[name], len(by_seed(results.f1, variant, lang))
        return JoinedCell(
            parts=(
                score_cell(results, measure.precision, variant, lang, row_n=row_n),
                score_cell(results, measure.recall, variant, lang, row_n=row_n),
                score_cell(results, measure.f1, variant, lang, best[name], row_n=row_n),
            )
        )

    names = [f"{kind}_{field}" for kind in ("precision", "recall", "f1") for field in SUMMARY_FIELDS]
    return Table(
        key=f"types-{results.dataset}-{lang}",
        title=f"Precision, recall and F1 (%) by entity type: {where(results, (lang,))}",
        label_heading="Variant",
        groups=(
            SEEDS,
            *(
                Group(
                    key=name,
                    heading=f"{name}{scored_on(results, lang)}",
                    columns=("P", "R", "F1"),
                    fields=fields_on(results, lang, names),
                )
                for name in measures
            ),
        ),
        sections=variant_sections(
            results,
            (lang,),
            lambda variant: (seeds_cell(results, variant, lang), *(cell(variant, name) for name in measures)),
        ),
        notes=notes.for_own_tables(results, (lang,), notes.SPREAD, notes.TYPES, notes.BOLD, notes.CONTROL),
    )


def span_error_table(results: Results, lang: str) -> Table:
    """Build the table of correct, partly correct, missed and spurious entities, in one language."""
    kinds = tuple(field.name for field in fields(SpanErrors))

    def cell(variant: str, kind: str) -> SummaryCell:
        counts = [getattr(errors, kind) for errors in by_seed(results.span_errors, variant, lang).values()]
        return SummaryCell(
            summary=summarise(counts) if counts else None,
            absent=absent(results, variant, lang),
            row_n=len(by_seed(results.f1, variant, lang)),
            scale=1.0,
            decimals=1,
        )

    return Table(
        key=f"spans-{results.dataset}-{lang}",
        title=f"Entities by kind of error: {where(results, (lang,))}",
        label_heading="Variant",
        groups=(
            SEEDS,
            *(
                Group(
                    key=kind,
                    heading=f"{_SPAN_HEADINGS.get(kind, kind)}{scored_on(results, lang)}",
                    columns=("",),
                    fields=fields_on(results, lang, SUMMARY_FIELDS),
                )
                for kind in kinds
            ),
        ),
        sections=variant_sections(
            results,
            (lang,),
            lambda variant: (seeds_cell(results, variant, lang), *(cell(variant, kind) for kind in kinds)),
        ),
        notes=notes.for_own_tables(results, (lang,), notes.SPANS, notes.CONTROL),
    )
