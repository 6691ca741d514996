"""Any Table as CSV (RFC 4180, UTF-8), one value a cell, for programs.

Columns: section, row, zero_shot (true, false, or nothing for what is no system), then `<group>.<field>`. Scores are
percentages. A field whose name ends with `_on_dev` was scored on dev. What there is not is empty.
"""

import csv
from io import StringIO

from .table import CsvValue, Table

# A spreadsheet takes a cell that begins with one of these for a formula, and would run what a study's name says
# (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # the full-width forms are signs in East Asian versions


def csv_table(table: Table) -> str:
    """The table's rows under one line of headings; lines end with `\\n`."""
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
    """Ten significant digits: more than a score has, and none of what adding floats leaves behind."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value) if isinstance(value, int) else _plain(value)


def _plain(text: str) -> str:
    """A text on one line that no spreadsheet takes for a formula."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(_FORMULA) else line
