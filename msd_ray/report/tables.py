"""The paper's Tables 2-8 in its layout, three columns per language: the paper's number, ours, the difference.

Cited systems have only the paper's number. If ours was scored on dev because there is no test file, the title and the
language's columns say so. Table 1 is in corpus_table.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msd_ray.data.inventory import SplitCount
from msd_ray.method.variants import VARIANTS

from . import notes
from .cells import NONE, NOT_RUN, PAPER_FIELDS, PaperCell, best_of, is_best
from .corpus_table import corpus_table
from .paper import SCORE_TABLES, TABLE_5, PaperRow, PaperTable
from .results import Results, average_over, is_zero_shot, summary_of
from .statistics.summary import Summary
from .table import Group, Row, Section, Table
from .variant_rows import absent, absent_average, failed

ABLATIONS = (2, 3, 4)
"""Numbers of the tables with the paper's ablations."""


@dataclass(frozen=True, kw_only=True)
class _Column:
    """One group of three columns. ours, absent, failed: take the variant's name."""

    group: Group
    paper: Callable[[PaperRow], Decimal | None]
    ours: Callable[[str], Summary | None]
    absent: Callable[[str], str]
    failed: Callable[[str], int] = lambda _: 0


def paper_tables(
    results: Mapping[str, Results], counts: Mapping[str, Sequence[SplitCount]] | None = None
) -> tuple[Table, ...]:
    """Build those of Tables 1-8 that have a number of ours.

    results: data set -> its results; counts: data set -> counts of its files.
    """
    found = [(paper, results[paper.dataset]) for paper in SCORE_TABLES if paper.dataset in results]
    return (
        *([corpus_table(counts)] if counts else []),
        *(
            source_table(own) if paper is TABLE_5 else score_table(paper, own)
            for paper, own in found
            if _has_ours(paper, own)
        ),
    )


def _has_ours(paper: PaperTable, results: Results) -> bool:
    """Return whether a variant of the table has a score, or a failed run that explains its absence."""
    ran = results.source_f1 if paper is TABLE_5 else results.ran(results.langs)
    return any(row.variant in ran for row in paper.rows())


def score_table(paper: PaperTable, results: Results) -> Table:
    """Build one of Tables 2-4 and 6-8 with the languages that were run; those that are not in the paper come last.

    The average follows the paper's languages if all of them were run.
    Tables 2-4 also have, if they were run, a row without both MMD losses and, in a section at the end, the control that
    is not zero-shot.
    """
    ran = results.ran(results.langs)
    others = tuple(lang for lang in results.langs if lang not in paper.langs)
    complete = set(paper.langs) <= set(results.langs)
    columns = [
        *(_lang_column(results, lang, index) for index, lang in enumerate(paper.langs) if lang in results.langs),
        *([_average_column(results, paper.langs)] if complete else []),
        *(_lang_column(results, lang, None) for lang in others),
    ]
    return _table(
        key=f"table-{paper.number}",
        title=_title(f"Table {paper.number}: entity-level F1 (%)", paper.corpus, results, (*paper.langs, *others)),
        sections=_with_own_rows(paper.sections, ran) if paper.number in ABLATIONS else paper.sections,
        columns=columns,
        table_notes=(
            *notes.for_paper_tables(results, (*paper.langs, *others)),
            *([notes.NO_MMD] if paper.number in ABLATIONS and "no-mmd" in ran else []),
            *([*notes.paper_averages(paper), *notes.shared_seeds(results, paper.langs)] if complete else []),
        ),
    )


def source_table(results: Results) -> Table:
    """Build Table 5: CoNLL's teachers on the English test set.

    A teacher is trained for a target language, whose dev set may have selected its epoch: each has its own columns.
    """
    columns = [_source_column(results, lang) for lang in results.langs]
    return _table(
        key="table-5",
        title=_title("Table 5: entity-level F1 (%) of the teachers on English", TABLE_5.corpus, results, results.langs),
        sections=TABLE_5.sections,
        columns=columns,
        table_notes=(*notes.for_paper_tables(results, results.langs, notes.SOURCE_ON_DEV), notes.SOURCE),
    )


def _our_row(name: str) -> PaperRow:
    return PaperRow(label=VARIANTS[name].label, values=(), variant=name)


def _with_own_rows(sections: tuple[tuple[PaperRow, ...], ...], ran: Sequence[str]) -> tuple[tuple[PaperRow, ...], ...]:
    """Add our variants without a score in the paper that were run; the control gets a section at the end."""
    control = tuple(_our_row(name) for name in ran if not is_zero_shot(name))
    own = tuple(_our_row(name) for name in ran if name == "no-mmd")
    return (*sections[:-1], (*sections[-1], *own), *([control] if control else []))


def _title(what: str, corpus: str, results: Results, langs: Iterable[str]) -> str:
    on_dev = [lang for lang in langs if results.on_dev(lang)]
    if not on_dev:
        return f"{what}, test set of {corpus}"
    where = f"ours on the DEV SET (no test file) for {', '.join(on_dev)}"
    return f"{what}: {corpus}; the paper on the test set, {where}"


def _group(key: str, heading: str, on_dev: bool) -> Group:
    """Return the group of three columns; the names of our fields mark dev scores."""
    fields = tuple(
        f"{field}_on_dev" if on_dev and field not in ("paper", "difference") else field for field in PAPER_FIELDS
    )
    columns = ("paper (test)", "ours (dev)", "dev − test") if on_dev else ("paper", "ours", "difference")
    return Group(key=key, heading=heading, columns=columns, fields=fields)


def _printed(index: int | None) -> Callable[[PaperRow], Decimal | None]:
    return lambda row: row.values[index] if index is not None and index < len(row.values) else None


def _lang_column(results: Results, lang: str, index: int | None) -> _Column:
    """Return a language's columns. index: its place in the paper's table."""
    return _Column(
        group=_group(lang, lang, results.on_dev(lang)),
        paper=_printed(index),
        ours=lambda variant: summary_of(results.f1, variant, lang),
        absent=lambda variant: absent(results, variant, lang),
        failed=lambda variant: failed(results, variant, lang),
    )


def _average_column(results: Results, langs: tuple[str, ...]) -> _Column:
    return _Column(
        group=_group("avg", "Avg", any(results.on_dev(lang) for lang in langs)),
        paper=lambda row: row.average,
        ours=lambda variant: average_over(results.f1, variant, langs),
        absent=lambda variant: absent_average(results, variant, langs),
    )


def _source_column(results: Results, lang: str) -> _Column:
    """Return the columns of one target language's teachers."""
    return _Column(
        group=_group(f"en-for-{lang}", f"en (teacher for {lang})", results.on_dev(lang)),
        paper=_printed(0),
        ours=lambda variant: summary_of(results.source_f1, variant, lang),
        absent=lambda variant: absent(results, variant, lang),
        failed=lambda variant: failed(results, variant, lang),
    )


def _table(
    *,
    key: str,
    title: str,
    sections: Iterable[Sequence[PaperRow]],
    columns: Sequence[_Column],
    table_notes: tuple[str, ...],
) -> Table:
    sections = tuple(sections)
    zero_shot = [row.variant for rows in sections for row in rows if row.variant and VARIANTS[row.variant].zero_shot]
    best = [best_of([column.ours(variant) for variant in zero_shot]) for column in columns]
    return Table(
        key=key,
        title=title,
        label_heading="Method",
        groups=tuple(column.group for column in columns),
        sections=tuple(_section(rows, columns, best) for rows in sections),
        notes=table_notes,
    )


def _section(rows: Sequence[PaperRow], columns: Sequence[_Column], best: Sequence[str | None]) -> Section:
    zero_shot = all(row.variant is None or VARIANTS[row.variant].zero_shot for row in rows)
    return Section(
        heading="" if zero_shot else notes.CONTROL_HEADING,
        rows=tuple(
            Row(
                label=row.label,
                bold=row.bold,
                zero_shot=zero_shot,
                name=row.variant or "",
                cells=tuple(
                    _cell(row, *pair, zero_shot, _ran(row, columns)) for pair in zip(columns, best, strict=True)
                ),
            )
            for row in rows
        ),
    )


def _ran(row: PaperRow, columns: Sequence[_Column]) -> bool:
    """Return whether a row has a score of ours, or a reason for its absence, in any column."""
    name = row.variant
    return name is not None and any(each.ours(name) is not None or each.absent(name) != NOT_RUN for each in columns)


def _cell(row: PaperRow, column: _Column, best: str | None, zero_shot: bool, ran: bool) -> PaperCell:
    paper = column.paper(row)
    if row.variant is None or not ran:
        return PaperCell(paper=paper, ours=None, absent=NONE, paper_bold=row.bold)
    ours = column.ours(row.variant)
    return PaperCell(
        paper=paper,
        ours=ours,
        absent=column.absent(row.variant),
        failed=column.failed(row.variant),
        paper_bold=row.bold,
        best=zero_shot and is_best(ours, best),
    )
