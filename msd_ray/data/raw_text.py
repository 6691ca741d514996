"""Reader of raw text: one sentence per line, split into words by the rules of Unicode."""

import re
from pathlib import Path

from msd_ray.common.errors import UserError

from .label_schemes import has_label_form
from .rows import nothing_in
from .sentences import Text, Unlabelled
from .text_file import read_text_file
from .words import word_spans

LONGEST_LINE = 10_000
"""Characters of a line: a sentence, not a document."""
COLUMN_SUFFIXES = (".conll", ".tsv", ".bio", ".iob", ".iob2", ".bioes")
"""Names of files with one token per line; a text file of any other name is raw text."""
_SEPARATOR = re.compile("[\\s,;|\u200b\u2060\ufeff]+")
_MOST_COLUMNS = 6
_CONSECUTIVE = 3
"""So many lines in a row that look like labelled tokens are some; a single one may be a sentence that ends in B-52."""
_CAPITAL_LABEL = re.compile(r"O|[BIMESLU]-[A-Z\d_-]+")
_TAGGED = re.compile(r"\S+[/|_](?:O|[BIMESLU]-[A-Z\d_-]+)")
_TAGGED_SHARE = 0.8
_LONGEST_WORD = 100
_AS_COLUMNS = f"For one token per line, of which only tokens are read, name the file *{COLUMN_SUFFIXES[0]}."


def read_raw(path: Path) -> Unlabelled:
    """Read all sentences of a file.

    Raises:
        UserError: the file cannot be read or decoded, or is empty; a line is empty or too long, or has labels.
    """
    file = read_text_file(path)
    lines = file.text.removesuffix("\n").split("\n")
    if lines == [""]:
        raise nothing_in(path)
    _check_unlabelled(lines, path)
    texts = []
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_LINE:
            raise UserError(
                f"{path}:{number}: a line of {len(line):,} characters; at most {LONGEST_LINE:,} are read. Write one "
                "sentence per line."
            )
        words = tuple(line[start:end] for start, end in word_spans(line, "unicode"))
        if not words:
            raise UserError(f"{path}:{number}: an empty line. Write one sentence per line. {_AS_COLUMNS}")
        texts.append(Text(words))
    return Unlabelled(texts=tuple(texts), path=path, notes=file.notes)


def _check_unlabelled(lines: list[str], path: Path) -> None:
    """Raise UserError for labelled text, with the first such line."""
    after_tab = (number for number, line in enumerate(lines) if _label_after_tab(line))
    tagged = (number for number, line in enumerate(lines) if _is_tagged(line))
    found = next(after_tab, None)
    if found is None:
        found = _labelled_rows(lines)
    if found is None:
        found = next(tagged, None)
    if found is not None:
        raise UserError(
            f"{path}:{found + 1}: labelled text: {lines[found][:80]!r}. Write one sentence per line. {_AS_COLUMNS}"
        )


def _label_after_tab(line: str) -> bool:
    token, _, last = line.rstrip().rpartition("\t")
    return bool(token.strip()) and has_label_form(last)


def _labelled_rows(lines: list[str]) -> int | None:
    """The first line of a token and its label, with any separator, if most lines or several in a row look like that."""
    columns = [_SEPARATOR.split(line.strip()) for line in lines]
    ends = [number for number, row in enumerate(columns) if len(row) > 1 and has_label_form(row[-1])]
    if 2 * len(ends) > sum(row != [""] for row in columns):
        return ends[0]
    rows = [number for number in ends if len(columns[number]) <= _MOST_COLUMNS]
    rows = [number for number in rows if _CAPITAL_LABEL.fullmatch(columns[number][-1])]
    runs = zip(rows, rows[_CONSECUTIVE - 1 :], strict=False)
    return next((first for first, last in runs if last - first < _CONSECUTIVE), None)


def _is_tagged(line: str) -> bool:
    """Whether the line is a sentence of tagged words, such as `Roche/B-ORG said/O`."""
    words = line.split()
    tagged = sum(len(word) < _LONGEST_WORD and _TAGGED.fullmatch(word) is not None for word in words)
    return len(words) > 1 and tagged >= _TAGGED_SHARE * len(words)
