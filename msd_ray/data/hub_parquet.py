"""Reader of Parquet files as the library `datasets` writes them: `tokens`, and `ner_tags` as numbers or strings.

The names of numbered labels are in the file's metadata, under the key `huggingface`: a `ClassLabel` of the features.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from msd_ray.common.errors import UserError
from msd_ray.common.limits import is_text_lists, read_columns

from .rows import Row, RowFile, check_words, nothing_in
from .sentences import Text, Unlabelled


def read_rows(path: Path) -> RowFile:
    """Read all sentences with their labels.

    Raises:
        UserError: the file is not Parquet with these columns or has no rows, numbered labels have no names, or a row
            has not as many labels as tokens.
    """
    token_rows, tag_rows = _columns(path, "tokens", "ner_tags")
    numbered = not is_text_lists(tag_rows)
    names = _class_names(path) if numbered else ()
    rows = []
    for place, (tokens, tags) in enumerate(zip(token_rows, tag_rows, strict=True)):
        where = f"{path}: row {place}"
        if tokens is None or tags is None:
            raise UserError(f"{where} is null. Remove it.")
        if len(tokens) != len(tags):
            raise UserError(f"{where}: {len(tokens)} `tokens` and {len(tags)} `ner_tags`. Give one label per token.")
        check_words(tokens, where)
        if numbered and not all(isinstance(tag, int) and 0 <= tag < len(names) for tag in tags):
            raise UserError(f"{where}: a label among {tags!r:.80} is not one of the {len(names)} that the file names.")
        labels = [names[tag] for tag in tags] if numbered else tags
        if tokens:
            rows.append(Row(tuple(tokens), tuple(labels), place))
    if not rows:
        raise nothing_in(path)
    return RowFile(path=path, rows=tuple(rows))


def read_texts(path: Path) -> Unlabelled:
    """Read the tokens of all sentences; the label column is not read.

    Raises:
        UserError: as `read_rows`, except for labels.
    """
    (token_rows,) = _columns(path, "tokens")
    texts = []
    for place, tokens in enumerate(token_rows):
        check_words(tokens or (), f"{path}: row {place}")
        if tokens:
            texts.append(Text(tuple(tokens)))
    if not texts:
        raise nothing_in(path)
    return Unlabelled(texts=tuple(texts), path=path)


def _columns(path: Path, *names: str) -> list[list[Any]]:
    try:
        columns = read_columns(path, names)
    except KeyError as error:
        raise UserError(f"{path}: no column `{error.args[0]}`. Name the columns `tokens` and `ner_tags`.") from error
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:  # ValueError: text that is not UTF-8
        raise UserError(f"cannot read {path} as Parquet: {error}") from error
    if not is_text_lists(columns[0]):
        raise UserError(f"{path}: column `tokens` does not contain lists of strings.")
    return columns


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
