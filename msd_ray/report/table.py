"""Table: sections of rows of cells under groups of columns, as every format shows it.

A cell stands under a group of one or more columns ("ko": paper, ours, difference). People see its `shown()`, plain text
that each format escapes in its own way; programs get its `values()`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

CsvValue = str | int | float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What stands in one column of one row: unescaped text, and the number that it is sorted by if it has one."""

    text: str
    number: float | None = None
    bold: bool = False


class Cell(Protocol):
    """One row's part of a group of columns."""

    def shown(self) -> tuple[Shown, ...]:
        """One for each of the group's `columns`."""
        ...

    def values(self) -> tuple[CsvValue, ...]:
        """One for each of the group's `fields`; None for what there is not."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Columns that belong together.

    key: unique in the table, the prefix of its fields in CSV. heading: above the columns, may be empty.
    columns: what people see. fields: what CSV holds.
    """

    key: str
    heading: str
    columns: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line. `zero_shot` is None where that says nothing about the row (counts of a corpus)."""

    label: str
    cells: tuple[Cell, ...]
    bold: bool = False
    zero_shot: bool | None = True

    def shown(self) -> tuple[Shown, ...]:
        """Every column of the row but its label."""
        return tuple(shown for cell in self.cells for shown in cell.shown())


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Rows between two rules; `heading`, if there is one, stands above them."""

    rows: tuple[Row, ...]
    heading: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table in no format yet; `key` names it in files and links (`table-4`), in letters, digits and hyphens.

    Raises:
        ValueError: a row's cells do not fit the groups.
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
                raise ValueError(f"{self.key}: the cells of row {row.label!r} do not fit the columns")

    def rows(self) -> Iterator[Row]:
        """The rows of all sections."""
        for section in self.sections:
            yield from section.rows

    def headings(self) -> tuple[str, ...]:
        """One line of headings for formats without groups: the group's heading before each of its columns."""
        return tuple(
            f"{group.heading} {column}".strip() if column else group.heading
            for group in self.groups
            for column in group.columns
        )
