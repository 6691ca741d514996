"""Reader of JSON lines as the library `datasets` writes them: `tokens` and `ner_tags` of one sentence per line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.common.limits import LONGEST_LINE

from .rows import Row, RowFile, labelled_row, row_file, unlabelled_rows
from .sentences import Unlabelled
from .text_file import read_text_file


def read_rows(path: Path) -> RowFile:
    """Read all sentences with their labels.

    Raises:
        UserError: the file cannot be read or is empty; a line is not an object with lists of words and labels of equal
            length. The message names file and line.
    """
    return row_file(path, (_row(found, number, f"{path}:{number}") for number, found in _objects(path)))


def read_texts(path: Path) -> Unlabelled:
    """Read the tokens of all sentences; no other key is looked at.

    Raises:
        UserError: as `read_rows`, except for labels.
    """
    places = ((f"{path}:{number}", found) for number, found in _objects(path))
    return unlabelled_rows(path, ((where, _words(found, "tokens", where)) for where, found in places))


def _row(found: dict[str, Any], number: int, where: str) -> Row:
    tokens, labels = _words(found, "tokens", where), found.get("ner_tags")
    if isinstance(labels, list) and any(isinstance(label, int) for label in labels):
        raise UserError(
            f"{where}: `ner_tags` are numbers, and JSON does not name them. Write the labels themselves, such as "
            '"B-PER", or give the data set\'s Parquet file, which has the names.'
        )
    return labelled_row(tokens, _words(found, "ner_tags", where), number, where)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(read_text_file(path).text.removesuffix("\n").split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            raise UserError(f"{path}:{number}: a line of {len(line):,} characters; at most {LONGEST_LINE:,} are read.")
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{path}:{number}: not JSON. Write one object per line, such as "
                '{"tokens": ["Paris"], "ner_tags": ["B-LOC"]}.'
            ) from error
        if not isinstance(found, dict):
            raise UserError(f"{path}:{number}: expected an object with `tokens` and `ner_tags`, found {line[:40]!r}.")
        yield number, found


def _words(found: dict[str, Any], key: str, where: str) -> list[str]:
    value = found.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        what = "is missing" if key not in found else "is not a list of strings"
        raise UserError(f"{where}: `{key}` {what}. Keys found: {', '.join(map(repr, list(found)[:10])) or 'none'}.")
    return value
