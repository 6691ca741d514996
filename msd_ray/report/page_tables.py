"""Tables as template values of the page: header cells with spans, body cells with sort keys."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .figures.theme import row_style
from .table import Group, Row, Section, Shown, Table

MISSING = frozenset({"", "-", "\u2013", "\u2014", "n/a", "nan", "not run"})
_NUMBER = re.compile(
    r"""[<>\u2264\u2265\u2248~]?\s*                                      # a bound: < 0.001
        (?P<number>[+\u2212-]?\s?(?:\d{1,3}(?:,\d{3})+|\d+|(?=\.\d))(?:\.\d+)?(?:e[+\u2212-]?\d+)?)
        \s*(?:%|\u00b1.*|\(.*\)|\[.*\])?\s*[*\u2020\u2021]*              # a unit, a spread, an interval, test marks
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderCell:
    """A header cell; `column` is the index of its leaf column, None above several columns."""

    text: str
    group: str = ""
    column: int | None = None
    colspan: int = 1
    rowspan: int = 1
    numeric: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewCell:
    """A cell's text and its sort key; missing cells are sorted last in both directions."""

    text: str
    number: float | None
    missing: bool
    numeric: bool
    bold: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewRow:
    """A row with its header cell, and the colour that it has in figures."""

    label: ViewCell
    cells: tuple[ViewCell, ...]
    bold: bool
    zero_shot: bool
    colour: str = ""


@dataclass(frozen=True, kw_only=True)
class ViewTable:
    """A table as template values."""

    anchor: str
    caption: str
    header: tuple[tuple[HeaderCell, ...], ...]
    sections: tuple[tuple[str, tuple[ViewRow, ...]], ...]
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns, including the label's."""
        return sum(cell.colspan for cell in self.header[0])

    @property
    def length(self) -> int:
        """Number of rows in all sections."""
        return sum(len(rows) for _, rows in self.sections)


def sort_number(text: str) -> float | None:
    """Return the number that a cell's text begins with, as its sort key; None if the text is not a number.

    >>> sort_number("61.67 ± 0.42"), sort_number("−1.20"), sort_number("not run"), sort_number("1,024 (5 seeds)")
    (61.67, -1.2, None, 1024.0)
    """
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return None
    number = float(re.sub(r"[,\s]", "", found["number"]).replace("\u2212", "-"))
    return number if math.isfinite(number) else None


def table_view(table: Table, anchor: str) -> ViewTable:
    """Convert any `Table` for the page."""
    width = sum(len(group.columns) for group in table.groups)
    numeric = _numeric_columns([row.shown() for row in table.rows()]) or (False,) * width  # a table without rows
    labels = [Shown(text=row.label) for row in table.rows()]
    numeric_labels = _numeric_columns([(label,) for label in labels])[0] if labels else False
    return ViewTable(
        anchor=anchor,
        caption=table.title,
        header=_header(table.label_heading, table.groups, (numeric_labels, *numeric)),
        sections=tuple(_section(section, numeric, numeric_labels) for section in table.sections),
        notes=table.notes,
    )


def rows_view(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], anchor: str) -> ViewTable:
    """Convert plain rows, such as a figure's data, for the page; the first column labels the rows.

    Raises:
        ValueError: a row's number of values differs from the number of columns, or there is no column.
    """
    if not columns or any(len(row) != len(columns) for row in rows):
        raise ValueError(f"{caption}: expected {len(columns)} values per row, one per column, and at least one column")
    shown = [tuple(Shown(text=value) for value in row) for row in rows]
    numeric = _numeric_columns(shown) or (False,) * len(columns)
    cells = [tuple(_cell(part, number) for part, number in zip(row, numeric, strict=True)) for row in shown]
    body = tuple(ViewRow(label=row[0], cells=row[1:], bold=False, zero_shot=True) for row in cells)
    groups = tuple(Group(key=str(index), heading=name, columns=("",), fields=()) for index, name in enumerate(columns))
    return ViewTable(
        anchor=anchor, caption=caption, header=_header(columns[0], groups[1:], numeric), sections=(("", body),)
    )


def _header(label: str, groups: Sequence[Group], numeric: Sequence[bool]) -> tuple[tuple[HeaderCell, ...], ...]:
    """Return one line of header cells, or two if a group has named columns."""
    lines = 2 if any(name for group in groups for name in group.columns) else 1
    upper = [HeaderCell(text=label, column=0, rowspan=lines, numeric=numeric[0])]
    lower: list[HeaderCell] = []
    column = 1
    for group in groups:
        if not any(group.columns) and len(group.columns) == 1:
            upper.append(HeaderCell(text=group.heading, column=column, rowspan=lines, numeric=numeric[column]))
        else:
            upper.append(HeaderCell(text=group.heading, colspan=len(group.columns)))
            lower += [
                HeaderCell(text=name, group=group.heading, column=column + offset, numeric=numeric[column + offset])
                for offset, name in enumerate(group.columns)
            ]
        column += len(group.columns)
    return (tuple(upper), tuple(lower)) if lines == 2 else (tuple(upper),)


def _section(section: Section, numeric: Sequence[bool], numeric_labels: bool) -> tuple[str, tuple[ViewRow, ...]]:
    return section.heading, tuple(_row(row, numeric, numeric_labels) for row in section.rows)


def _row(row: Row, numeric: Sequence[bool], numeric_labels: bool) -> ViewRow:
    return ViewRow(
        label=_cell(Shown(text=row.label, bold=row.bold), numeric_labels),
        cells=tuple(_cell(shown, number) for shown, number in zip(row.shown(), numeric, strict=True)),
        bold=row.bold,
        zero_shot=row.zero_shot is not False,
        colour=row_style(row.name).colour if row.name else "",
    )


def _cell(shown: Shown, numeric: bool) -> ViewCell:
    number = _number(shown) if numeric else None
    return ViewCell(
        text=shown.text,
        number=number,
        missing=number is None if numeric else shown.text.strip().casefold() in MISSING,
        numeric=numeric,
        bold=shown.bold,
    )


def _numeric_columns(rows: Sequence[Sequence[Shown]]) -> tuple[bool, ...]:
    """Return for each column whether it holds numbers."""
    return tuple(_are_numbers(column) for column in zip(*rows, strict=True))


def _are_numbers(column: Sequence[Shown]) -> bool:
    if any(shown.number is not None for shown in column):
        return True  # other texts explain a missing number
    present = [shown for shown in column if shown.text.strip().casefold() not in MISSING]
    return bool(present) and all(_number(shown) is not None for shown in present)


def _number(shown: Shown) -> float | None:
    return sort_number(shown.text) if shown.number is None else shown.number
