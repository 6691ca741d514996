r"""Any Table as LaTeX (booktabs), and a document that holds several.

A table needs `\usepackage{booktabs,graphicx}` and, before TeX Live 2018, `\usepackage[utf8]{inputenc}`. Letters that
pdfTeX cannot set with its own fonts (Korean, Arabic ...) are written as their code points, so that it always compiles.
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

# Braces around brackets and asterisks: after \\ they would begin its optional argument or its starred form.
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
_PAPERS_NUMBER = re.compile(r"^Table (\d+): ")  # LaTeX gives captions numbers of its own
_LIGATURE = re.compile(r"([-,'])(?=\1)")  # T1 fonts make one character of each of these pairs
_LATIN = range(0xC0, 0x180)  # Latin-1's letters and Latin Extended-A, all in T1 or made of an accent and a letter
_NOT_IN_T1 = frozenset("×÷ĦħĸĿŀŉŦŧſ")


def latex_table(table: Table) -> str:
    r"""One `table` environment with caption, label `tab:<key>` and notes; shrunk to the line's width if it is wider."""
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
    r"""A document that compiles by itself, a page or more a table (`\clearpage`: LaTeX holds few floats at once)."""
    return _PACKAGES + "\\clearpage\n".join(latex_table(table) for table in tables) + "\\end{document}\n"


def escape(text: str) -> str:
    """A text that LaTeX sets as it is, in one line; white space becomes single blanks."""
    return "".join(map(_character, _LIGATURE.sub("\\1\0", unicodedata.normalize("NFC", " ".join(text.split())))))


def _character(character: str) -> str:
    if character == "\0":
        return "{}"
    if character in _ESCAPES:
        return _ESCAPES[character]
    known = " " <= character <= "~" or (ord(character) in _LATIN and character not in _NOT_IN_T1)
    return character if known else f"{{[}}U+{ord(character):04X}{{]}}"


def _headings(table: Table) -> Iterator[str]:
    """The groups' headings over rules of their width, then the columns'; one line if no group has several columns."""
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
