r"""Any Table as LaTeX (booktabs), and a document that holds several.

A table needs `\usepackage{booktabs,graphicx}` and, before TeX Live 2018, `\usepackage[utf8]{inputenc}`. Letters that
pdfTeX's fonts lack (Korean, Arabic ...) are written as code points, so that the table always compiles.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from .table import Group, Shown, Table

_PACKAGES = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[margin=1.5cm]{geometry}
\usepackage{booktabs,graphicx}
\begin{document}
"""

# Brackets and asterisks are braced: after \\ they would be parsed as its optional argument or starred form.
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "λ": r"$\lambda$",
}
_PAPERS_NUMBER = re.compile(r"^Table (\d+): ")  # LaTeX numbers captions itself
_LIGATURE = re.compile(r"([-,'])(?=\1)")  # T1 fonts join each of these pairs into one character
_LATIN = range(0xC0, 0x180)  # letters of Latin-1 and Latin Extended-A, which T1 has or composes
_NOT_IN_T1 = frozenset("×÷ĦħĸĿŀŉŦŧſ")


def latex_table(table: Table) -> str:
    r"""Return a `table` environment with caption, label `tab:<key>` and notes, scaled down to the line's width."""
    width = 1 + sum(len(group.columns) for group in table.groups)
    caption = _PAPERS_NUMBER.sub(r"The paper's Table \1: ", table.title)
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', table.key)}}}",
        r"\sbox0{%",
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
        *_headings(table),
        *_body(table, width),
        r"\bottomrule",
        r"\end{tabular}}%",
        r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
        *_notes(table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def latex_document(tables: Iterable[Table]) -> str:
    r"""Return a complete document, each table on a new page (`\clearpage`: LaTeX can queue few floats)."""
    return _PACKAGES + "\\clearpage\n".join(latex_table(table) for table in tables) + "\\end{document}\n"


def escape(text: str) -> str:
    """Escape a text for LaTeX on one line; runs of white space become single spaces."""
    return "".join(map(_character, _LIGATURE.sub("\\1\0", unicodedata.normalize("NFC", " ".join(text.split())))))


def _character(character: str) -> str:
    if character == "\0":
        return "{}"
    if character in _ESCAPES:
        return _ESCAPES[character]
    known = " " <= character <= "~" or (ord(character) in _LATIN and character not in _NOT_IN_T1)
    return character if known else f"{{[}}U+{ord(character):04X}{{]}}"


def _headings(table: Table) -> Iterator[str]:
    """Yield the group headings with rules below and the column headings; one line if no group has several columns."""
    if any(len(group.columns) > 1 for group in table.groups):
        yield " & ".join(["", *map(_over, table.groups)]) + r" \\"
        first = 2
        for group in table.groups:
            if group.heading:
                yield rf"\cmidrule(lr){{{first}-{first + len(group.columns) - 1}}}"
            first += len(group.columns)
        columns = [column for group in table.groups for column in group.columns]
    else:
        columns = list(table.headings())
    yield " & ".join(map(escape, (table.label_heading, *columns))) + r" \\"


def _over(group: Group) -> str:
    return rf"\multicolumn{{{len(group.columns)}}}{{c}}{{{escape(group.heading)}}}"


def _body(table: Table, width: int) -> Iterator[str]:
    for section in table.sections:
        if not section.rows:
            continue
        yield r"\midrule"
        if section.heading:
            yield rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escape(section.heading)}}}}} \\"
        for row in section.rows:
            yield " & ".join(map(_text, (Shown(text=row.label, bold=row.bold), *row.shown()))) + r" \\"


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield r"\par\smallskip\parbox{\linewidth}{\footnotesize\raggedright"
        yield from (rf"{escape(note)}\par" for note in notes)
        yield "}"


def _text(shown: Shown) -> str:
    return rf"\textbf{{{escape(shown.text)}}}" if shown.bold else escape(shown.text)
