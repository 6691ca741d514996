"""Rows of text files with one token per line, split into columns and checked, for the labelled and unlabelled reader.

Sentences are separated by blank lines, by `-DOCSTART-` lines (with or without a blank line after them) and by
MultiCoNER's `# id` lines. The token is a row's first column and the label its last. Only ASCII blanks and tabs separate
columns and only LF or CRLF separates lines: tokens may contain other characters that Unicode classifies as spaces.
Blanks and tabs at the end of a row are ignored.

A row of another shape than the first is refused, because its token may not be what is in its first column: in a
tab-separated file `Roche B-ORG` would be one token, label included.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

import regex

from msd_ray.common.errors import UserError
from msd_ray.common.limits import LONGEST_LINE

from .language_prefix import language_prefix
from .text_file import TextFile

DOCSTART = "-DOCSTART-"
_BOUNDARY = re.compile(rf"{DOCSTART}(?=[ \t\r]|$)|# id ")
_BLANKS = re.compile(r"[ \t]+")
_INVISIBLE = regex.compile(r"[\p{Z}\p{C}]*")
# Entity types of a user's file are not known where no label is read, and words such as U-BAHN look like labels.
# After `/` and `_` only B- and I-, for there is Fax/E-Mail, and not after a single capital, for there is A/B-Test.
_LABEL_AT_END = regex.compile(
    r"(?:[\p{Z}\p{Cf}\p{Ll}\p{Lo}\p{N}][BIMESLU]-[A-Z][\w.-]|[,;|][BIMESLU]-\p{L}|(?<!(?:^|\W)[A-Z]|-)[/_][BI]-\p{L})"
    r"[\w.-]*$"
)
_LONGEST_LABEL = 80
_FEWEST_ROWS = 3
"""Rows from which the first columns of a file tell what they are."""

Block = list[tuple[int, str]]
"""The lines of one sentence with their numbers, counted from 1."""


class ColumnRow(NamedTuple):
    """A row: line number, columns, the first without a language prefix."""

    number: int
    columns: Sequence[str]


class Layout(Protocol):
    """How rows are written."""

    @property
    def separator(self) -> Literal["tab", "blank"]:
        """Column separator."""

    @property
    def ragged(self) -> bool:
        """Whether rows may differ in their number of columns."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, if they are known."""


class OwnLayout(NamedTuple):
    """The layout of a user's own file."""

    separator: Literal["tab", "blank"]
    ragged: bool = False
    labels: tuple[str, ...] = ()


def own_layout(file: TextFile) -> OwnLayout:
    """The layout of a user's own file: separated by tabs if most rows have one."""
    with_tab = [("\t" in line.rstrip(" \t")) for block in _blocks(file) for _, line in block]
    return OwnLayout(separator="tab" if 2 * sum(with_tab) > len(with_tab) else "blank")


def column_rows(file: TextFile, layout: Layout, lang: str, *, tokens_alone: bool = False) -> Iterator[list[ColumnRow]]:
    """Yield the rows of each sentence.

    Args:
        file: its text.
        layout: how rows are written.
        lang: language code, for the prefix of tokens in WikiAnn's original form.
        tokens_alone: whether a file of tokens without any other column is accepted.

    Raises:
        UserError: a row has no token, no other column, or not the shape of the first row; a token contains a label or
            lacks the language prefix; or the first column does not contain the tokens.
    """
    prefix, labels = language_prefix(file, lang), layout.labels[1:]
    first: ColumnRow | None = None
    tokens = _FirstColumns(file)
    for block in _blocks(file):
        rows = []
        for number, line in block:
            columns = _split(line, layout, alone=tokens_alone and (first is None or len(first.columns) == 1))
            row = ColumnRow(number, columns)
            first = first or row
            _check_shape(file, row, first, line, layout, tokens_alone)
            columns[0] = _without_prefix(columns[0], prefix, file, number)
            _check_no_label(file, row, labels)
            rows.append(row)
        tokens.add(rows)
        yield rows
    tokens.check()


def documents(file: TextFile) -> int:
    """Number of `-DOCSTART-` lines."""
    return len(re.findall(rf"^{DOCSTART}(?=[ \t\r]|$)", file.text, flags=re.MULTILINE))


def _split(line: str, layout: Layout, *, alone: bool) -> list[str]:
    """The columns of a row; none if it has no token. alone: whether a row without a separator is a token.

    Without a regular expression that tolerates blanks at the end, which takes hours for a long run of them.
    """
    line = line.rstrip(" \t")
    if layout.separator == "tab" and not (alone and "\t" not in line and " " not in line):
        columns = line.split("\t")
        return columns if len(columns) > 1 else []
    return [] if line[:1] in (" ", "\t") else _BLANKS.split(line)


def _check_shape(
    file: TextFile, row: ColumnRow, first: ColumnRow, line: str, layout: Layout, tokens_alone: bool
) -> None:
    found, expected = len(row.columns), len(first.columns)
    where = f"{file.path}:{row.number}"
    if found == 0 or (found == 1 and not (tokens_alone and expected == 1)):
        form, separator = ("token<TAB>label", "a tab") if layout.separator == "tab" else ("token ... label", "a blank")
        raise UserError(f"{where}: expected a row '{form}', found {line[:80]!r}. Separate the columns by {separator}.")
    if found != expected and (expected == 1 or not layout.ragged):
        raise UserError(
            f"{where}: expected {_columns(expected)}, as in line {first.number}, found {_columns(found)}: "
            f"{line[:80]!r}. Correct the row."
        )
    if found == 1 and _INVISIBLE.fullmatch(row.columns[0]):
        raise UserError(
            f"{where}: a token without a visible character: {line[:80]!r}. Remove the line, or leave it empty."
        )


def _columns(count: int) -> str:
    return "the token alone" if count == 1 else f"{count} columns"


def _check_no_label(file: TextFile, row: ColumnRow, labels: tuple[str, ...]) -> None:
    """Raise UserError if a label is in the token, or between the first and the last column.

    labels: those with an entity type, if they are known.
    """
    token = row.columns[0]
    if "-" in token and (token.endswith(labels) if labels else _LABEL_AT_END.search(token[-_LONGEST_LABEL:])):
        raise UserError(
            f"{file.path}:{row.number}: the token {token[:80]!r} contains a label. Put the label into the row's last "
            "column."
        )
    for column in row.columns[1:-1]:
        if "-" in column and column in labels:
            raise UserError(
                f"{file.path}:{row.number}: a label, {column!r}, before the last column, as where two rows were "
                "joined. Write one row per line."
            )


def _blocks(file: TextFile) -> Iterator[Block]:
    block: Block = []
    for number, line in enumerate(file.text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            raise UserError(
                f"{file.path}:{number}: expected at most {LONGEST_LINE} characters in a line, found {len(line)}."
            )
        if line.strip(" \t\r") and not _BOUNDARY.match(line):
            block.append((number, line.rstrip("\r")))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _without_prefix(token: str, prefix: str, file: TextFile, number: int) -> str:
    if not token.startswith(prefix):
        raise UserError(
            f"{file.path}:{number}: expected '{prefix}' before the token, as in other rows: {token[:80]!r}. Add or "
            "remove the language in all rows."
        )
    return token[len(prefix) :]


class _FirstColumns:
    """What the first columns of a file have in common: word numbers, quotation marks, or separators at the end."""

    def __init__(self, file: TextFile) -> None:
        self._file, self._rows, self._line = file, 0, 0
        self._numbered, self._quoted, self._ends = True, True, set(",;|")

    def add(self, rows: Sequence[ColumnRow]) -> None:
        self._line = self._line or rows[0].number
        self._rows += len(rows)
        for place, row in enumerate(rows):
            token = row.columns[0]
            self._numbered = self._numbered and token == str(place + (rows[0].columns[0] == "1"))
            self._quoted = self._quoted and len(token) > 2 and token[0] == token[-1] == '"'
            if self._ends:
                self._ends &= set(token[-1:]) if len(token) > 1 else set()

    def check(self) -> None:
        """Raise UserError for a first column that is not the token as it is."""
        if self._rows < _FEWEST_ROWS:
            return
        where = f"{self._file.path}:{self._line}"
        if self._numbered:
            raise UserError(f"{where}: the first column numbers the words. Remove it, so that the token is first.")
        if self._quoted:
            raise UserError(f"{where}: every token is in quotation marks. Export the file without them.")
        if self._ends:
            end = next(iter(self._ends))
            raise UserError(f"{where}: every token ends with {end!r}. Separate the columns by a tab alone.")
