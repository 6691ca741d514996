"""Reader of Parquet files as the library `datasets` writes them: `tokens`, and `ner_tags` as numbers or strings.

The names of numbered labels are in the file's metadata, under the key `huggingface`: a `ClassLabel` of the features.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyarrow import parquet

from msd_ray.common.errors import UserError
from msd_ray.common.limits import is_text_lists

from .parquet import read_text_columns
from .rows import Row, RowFile, labelled_row, row_file, unlabelled_rows
from .sentences import Unlabelled

_ADVICE = "Name the columns `tokens` and `ner_tags`, and store each sentence as a list."


def read_rows(path: Path) -> RowFile:
    """Read all sentences with their labels.

    Raises:
        UserError: the file is not Parquet with these columns or has no rows, numbered labels have no names, or a row
            has not as many labels as tokens.
    """
    token_rows, tag_rows = read_text_columns(path, "tokens", "ner_tags", advice=_ADVICE)
    numbered = not is_text_lists(tag_rows)
    names = _class_names(path) if numbered else None
    pairs = zip(token_rows, tag_rows, strict=True)
    return row_file(path, (_row(*pair, names, place, f"{path}: row {place}") for place, pair in enumerate(pairs)))


def read_texts(path: Path) -> Unlabelled:
    """Read the tokens of all sentences; the label column is not read.

    Raises:
        UserError: as `read_rows`, except for labels.
    """
    (token_rows,) = read_text_columns(path, "tokens", advice=_ADVICE)
    return unlabelled_rows(path, ((f"{path}: row {place}", tokens or ()) for place, tokens in enumerate(token_rows)))


def _row(
    tokens: Sequence[str] | None, tags: Sequence[Any] | None, names: Sequence[str] | None, place: int, where: str
) -> Row:
    """One sentence. names: of numbered labels, None if the labels are strings."""
    if tokens is None or tags is None:
        raise UserError(f"{where} is null. Remove it.")
    if names is None:
        return labelled_row(tokens, tags, place, where)
    if not all(isinstance(tag, int) and 0 <= tag < len(names) for tag in tags):
        raise UserError(f"{where}: a label among {tags!r:.80} is not one of the {len(names)} that the file names.")
    return labelled_row(tokens, [names[tag] for tag in tags], place, where)


def _class_names(path: Path) -> tuple[str, ...]:
    """Names of the numbered labels, from the metadata of `datasets` (`Sequence` up to version 3, then `List`)."""
    metadata = parquet.read_schema(path).metadata or {}
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"]["ner_tags"]
        names = feature.get("feature", feature)["names"]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: `ner_tags` are numbers, and the file does not name them. Write it with the library `datasets`, "
            "with `ner_tags` of type ClassLabel, or write the labels as strings."
        ) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: the names of `ner_tags` in its metadata are not a list of strings.")
    return tuple(names)
