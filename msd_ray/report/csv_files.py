"""Any Table as CSV (RFC 4180, UTF-8), one value per cell, for programs.

Columns: section, row, zero_shot (true, false, or empty for rows that are not systems), then `<group>.<field>`. Scores
are percentages. Fields that end with `_on_dev` were scored on dev. Missing values are empty.
"""

import csv
from io import StringIO

from .table import CsvValue, Table

# Spreadsheets evaluate a cell that begins with one of these as a formula, so a study's name could inject one
# (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # East Asian versions also evaluate the full-width forms


def csv_table(table: Table) -> str:
    """Return the table as CSV with one header line; lines end with `\\n`."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = [f"{group.key}.{field}" for group in table.groups for field in group.fields]
    writer.writerow(["section", "row", "zero_shot", *map(_plain, fields)])
    for section in table.sections:
        for row in section.rows:
            zero_shot = "" if row.zero_shot is None else str(row.zero_shot).lower()
            values = [value for cell in row.cells for value in cell.values()]
            writer.writerow([_plain(section.heading), _plain(row.label), zero_shot, *map(_value, values)])
    return text.getvalue()


def _value(value: CsvValue) -> str:
    """Format a value. Floats get ten significant digits: more than a score has, without rounding noise."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value) if isinstance(value, int) else _plain(value)


def _plain(text: str) -> str:
    """Return a text on one line that no spreadsheet evaluates as a formula."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(_FORMULA) else line
