"""A report's files: tables in three formats, figures as Plotly's JSON, pages."""

from collections.abc import Iterable
from pathlib import Path

from msd_ray.common.files import new_file

from .csv_files import csv_table
from .latex import latex_document, latex_table
from .markdown import markdown_table
from .page import Page, render
from .table import Table


def write_tables(tables: Iterable[Table], directory: Path) -> None:
    """`KEY.md`, `KEY.tex` and `KEY.csv` of each table, and `tables.md` and `tables.tex` of all. Raises OSError."""
    tables = tuple(tables)
    for table in tables:
        _write(directory / f"{table.key}.md", markdown_table(table))
        _write(directory / f"{table.key}.tex", latex_table(table))
        _write(directory / f"{table.key}.csv", csv_table(table))
    _write(directory / "tables.md", "\n".join(markdown_table(table) for table in tables))
    _write(directory / "tables.tex", latex_document(tables))


def write_page(page: Page, path: Path) -> None:
    """The page, and its figures in `figures/` beside it as Plotly's JSON. Raises OSError."""
    _write(path, render(page))
    for section in page.sections:
        for number, drawing in enumerate(section.figures, start=1):
            _write(path.parent / "figures" / f"{path.stem}-{section.anchor}-{number}.json", drawing.figure.to_json())


def _write(path: Path, text: str) -> None:
    with new_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")
