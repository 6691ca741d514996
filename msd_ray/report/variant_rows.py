"""Rows and cells of tables whose rows are variants of an ablation or the final rows of a search."""

from collections.abc import Callable, Iterable

from . import notes
from .cells import NOT_RUN, SeedsCell, SummaryCell, best_of, is_best
from .results import Results, Scores, by_seed, is_zero_shot, summary_of
from .table import Cell, Group, Row, Section

SOURCE_DEV = "SOURCE DEV SET (no target labels)"
NOT_RECORDED = "not recorded"
"""Shown if runs exist but lack this number: a row without a student, or a run that stored no predictions."""


def variant_sections(
    results: Results, langs: Iterable[str], cells: Callable[[str], tuple[Cell, ...]]
) -> tuple[Section, ...]:
    """Return a section of zero-shot rows and one of controls, without rows that were never run.

    cells: takes a row's name.
    """
    rows = [
        Row(label=results.labels[name], cells=cells(name), zero_shot=is_zero_shot(name), name=name)
        for name in results.ran(langs)
    ]
    sections = (
        Section(rows=tuple(row for row in rows if row.zero_shot)),
        Section(heading=notes.CONTROL_HEADING, rows=tuple(row for row in rows if not row.zero_shot)),
    )
    return tuple(section for section in sections if section.rows)


def best_in(results: Results, scores: Scores, lang: str) -> str | None:
    """Return the best zero-shot mean of a language, as `is_best` expects it."""
    return best_of([summary_of(scores, name, lang) for name in results.labels if is_zero_shot(name)])


def score_cell(
    results: Results, scores: Scores, variant: str, lang: str, best: str | None = None, *, row_n: int | None = None
) -> SummaryCell:
    """Return the cell of a variant's score in a language.

    best: result of `best_in`, None for no bold. row_n: number of seeds if the row has a `seeds_cell`, which then also
    shows failed runs.
    """
    summary = summary_of(scores, variant, lang)
    return SummaryCell(
        summary=summary,
        absent=absent(results, variant, lang),
        failed=failed(results, variant, lang) if row_n is None else 0,
        row_n=row_n,
        best=is_zero_shot(variant) and is_best(summary, best),
    )


def absent(results: Results, variant: str, lang: str) -> str:
    """Return the text shown without a number: not run, failed or not recorded."""
    if results.f1.get(variant, {}).get(lang):
        return NOT_RECORDED
    number = failed(results, variant, lang)
    return f"{number} failed" if number else NOT_RUN


def absent_average(results: Results, variant: str, langs: tuple[str, ...]) -> str:
    """Return the text shown without an average: the languages that the variant lacks."""
    missing = [lang for lang in langs if not results.f1.get(variant, {}).get(lang)]
    if len(missing) == len(langs) and not any(failed(results, variant, lang) for lang in langs):
        return NOT_RUN
    return f"no {', '.join(missing)}" if missing else "no shared seed"


def failed(results: Results, variant: str, lang: str) -> int:
    """Return the number of a variant's failed runs in a language."""
    return results.failed.get(variant, {}).get(lang, 0)


SEEDS = Group(key="seeds", heading="", columns=("seeds",), fields=("n", "failed"))
"""The column of `seeds_cell`."""


def seeds_cell(results: Results, variant: str, lang: str) -> SeedsCell:
    """Return the cell with the numbers of a variant's finished and failed runs in a language."""
    return SeedsCell(n=len(by_seed(results.f1, variant, lang)), failed=failed(results, variant, lang))


def scored_on(results: Results, lang: str) -> str:
    """Return the suffix of headings: empty for test, else the split."""
    if results.on_source(lang):
        return " (source dev)"
    return " (dev)" if results.on_dev(lang) else ""


def fields_on(results: Results, lang: str, fields: Iterable[str]) -> tuple[str, ...]:
    """Return CSV fields of scores, with a suffix for dev."""
    suffix = "_on_source_dev" if results.on_source(lang) else "_on_dev" if results.on_dev(lang) else ""
    return tuple(f"{field}{suffix}" for field in fields)


def where(results: Results, langs: Iterable[str]) -> str:
    """Return data set, languages and scored split, for titles."""
    langs = tuple(langs)
    on_dev = [lang for lang in langs if results.on_dev(lang)]
    split = "test set"
    if langs and all(results.on_source(lang) for lang in langs):
        split = SOURCE_DEV
    elif on_dev:
        split = (
            "DEV SET (no test file)" if len(on_dev) == len(langs) else f"test set, {', '.join(on_dev)} on the DEV SET"
        )
    return f"{results.dataset} {' '.join(langs)}".strip() + f", {split}"
