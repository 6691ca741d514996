"""Any Table as GitHub's Markdown (https://github.github.com/gfm/#tables-extension-)."""

import re
from collections.abc import Sequence

from .table import Shown, Table

# Characters that begin inline Markdown, an HTML tag or entity, or math on GitHub. CommonMark allows a backslash before
# any ASCII punctuation (https://spec.commonmark.org/0.31.2/#backslash-escapes).
_ACTIVE = re.compile(r"([\\`*_\[\]<>|~$&#])")
_LIST = re.compile(r"^(\d*)([-+.)])(?=\s|$)")  # begins a list at the start of a line


def markdown_table(table: Table, *, level: int = 3) -> str:
    """Return a heading of the given level, the table, and its notes as a list; ends with a newline.

    Markdown tables have one header line and no rules: each column repeats its group's heading, and a section's heading
    takes a row.
    """
    headings = [escape(heading) for heading in (table.label_heading, *table.headings())]
    lines = [
        f"{'#' * level} {escape(table.title)}",
        "",
        _line(headings),
        _line([":--", *["--:"] * (len(headings) - 1)]),
    ]
    for section in table.sections:
        if section.heading and section.rows:
            lines.append(_line([f"*{escape(section.heading)}*", *[""] * (len(headings) - 1)]))
        lines += [
            _line([_text(Shown(text=row.label, bold=row.bold)), *map(_text, row.shown())]) for row in section.rows
        ]
    if table.notes:
        lines += ["", *(f"- {escape(note)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Escape a text for Markdown on one line; runs of white space become single spaces."""
    return _LIST.sub(r"\1\\\2", _ACTIVE.sub(r"\\\1", " ".join(text.split())))


def _text(shown: Shown) -> str:
    text = escape(shown.text)
    return f"**{text}**" if shown.bold and text else text


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
