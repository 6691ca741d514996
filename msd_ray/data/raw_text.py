"""Reader of raw text: one sentence per line, split into words by the rules of Unicode."""

import re
from pathlib import Path

from msd_ray.common.errors import UserError

from .columns import UTF_8, decoded
from .rows import nothing_in
from .sentences import Text, Unlabelled
from .words import word_spans

LONGEST_LINE = 10_000
"""Characters of a line: a sentence, not a document."""
COLUMN_SUFFIXES = (".conll", ".tsv", ".bio", ".iob", ".iob2", ".bioes")
"""Names of files with one token per line; a text file of any other name is raw text."""
_LABEL = re.compile(r"O|[BIMESLU]-\w\S*")
_AS_COLUMNS = f"For one token per line, of which only tokens are read, name the file *{COLUMN_SUFFIXES[0]}."


def read_raw(path: Path) -> Unlabelled:
    """Read all sentences of a file.

    Raises:
        UserError: the file cannot be read or decoded, or is empty; a line is empty or too long, or has labels.
    """
    lines = decoded(path, UTF_8).removesuffix("\n").split("\n")
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
    return Unlabelled(texts=tuple(texts), path=path)


def _check_unlabelled(lines: list[str], path: Path) -> None:
    """Raise UserError for lines of a token and its label, with the first of them.

    A tab before a label is enough; sentences may end with a blank and `B-52`, but not most of them.
    """
    after_tab = (number for number, line in enumerate(lines) if _has_label(line, "\t"))
    after_blank = [number for number, line in enumerate(lines) if _has_label(line, " ")]
    found = next(after_tab, None)
    if found is None and 2 * len(after_blank) > sum(bool(line.strip()) for line in lines):
        found = after_blank[0]
    if found is not None:
        raise UserError(
            f"{path}:{found + 1}: labelled text: {lines[found][:80]!r}. Write one sentence per line. {_AS_COLUMNS}"
        )


def _has_label(line: str, separator: str) -> bool:
    token, _, last = line.rstrip().rpartition(separator)
    return bool(token.strip()) and _LABEL.fullmatch(last) is not None
