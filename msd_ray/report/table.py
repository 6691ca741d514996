"""Table: sections of rows of cells under groups of columns, independent of the output format.

A cell fills a group of one or more columns ("ko": paper, ours, difference). Its `shown()` is display text, which each
format escapes; its `values()` are the CSV values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

CsvValue = str | int | float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """Content of one column in one row: unescaped text and, if there is one, the number to sort by."""

    text: str
    number: float | None = None
    bold: bool = False


class Cell(Protocol):
    """One row's content in a group of columns."""

    def shown(self) -> tuple[Shown, ...]:
        """Return one `Shown` for each of the group's `columns`."""
        ...

    def values(self) -> tuple[CsvValue, ...]:
        """Return one value for each of the group's `fields`; None if missing."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A group of columns.

    key: unique in the table, prefix of its CSV fields. heading: above the columns, may be empty. columns: display
    columns. fields: CSV fields.
    """

    key: str
    heading: str
    columns: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row. zero_shot: None if it does not apply (counts of a corpus). name: a search's row or a variant, if any."""

    label: str
    cells: tuple[Cell, ...]
    bold: bool = False
    zero_shot: bool | None = True
    name: str = ""

    def shown(self) -> tuple[Shown, ...]:
        """Return all columns except the label."""
        return tuple(shown for cell in self.cells for shown in cell.shown())


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Rows between two rules, with an optional heading above them."""

    rows: tuple[Row, ...]
    heading: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table. key: its name in files and links (`table-4`), of letters, digits and hyphens.

    Raises:
        ValueError: a row's cells do not match the groups.
    """

    key: str
    title: str
    label_heading: str
    groups: tuple[Group, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows():
            widths = [(len(cell.shown()), len(cell.values())) for cell in row.cells]
            if widths != [(len(group.columns), len(group.fields)) for group in self.groups]:
                raise ValueError(f"{self.key}: the cells of row {row.label!r} do not match the columns")

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all sections."""
        for section in self.sections:
            yield from section.rows

    def headings(self) -> tuple[str, ...]:
        """Return one line of headings for formats without groups: each column with its group's heading in front."""
        return tuple(
            f"{group.heading} {column}".strip() if column else group.heading
            for group in self.groups
            for column in group.columns
        )
