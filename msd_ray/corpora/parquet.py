"""The hub's Parquet form of WikiAnn: columns `tokens` (lists of strings) and `ner_tags` (of numbers)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from msd_ray.corpora.catalogue import Dataset
from msd_ray.corpora.sentences import Labelled, Sentence, Text, Unlabelled
from msd_ray.errors import UserError


def read_labelled(path: Path, dataset: Dataset) -> Labelled:
    """All sentences; a class number is an index into the data set's labels, whose order is the hub's.

    Raises:
        UserError: no Parquet file with these columns, no rows, or a row whose numbers do not fit its tokens
            and the labels.

    """
    labels = dataset.labels
    sentences = []
    columns = _columns(path, "tokens", "ner_tags")
    for row, (tokens, tags) in enumerate(zip(*columns, strict=True)):
        if tokens is None or tags is None:
            raise UserError(f"{path}: row {row} is null")
        if len(tokens) != len(tags):
            raise UserError(f"{path}: row {row} has {len(tokens)} tokens and {len(tags)} labels")
        if not all(isinstance(tag, int) and 0 <= tag < len(labels) for tag in tags):
            numbered = ", ".join(f"{i} {label}" for i, label in enumerate(labels))
            raise UserError(f"{path}: row {row} has an unknown label among {tags}: the labels are {numbered}")
        if tokens:
            sentences.append(Sentence(tuple(tokens), tuple(labels[tag] for tag in tags)))
    _require_some(sentences, path)
    return Labelled(sentences=tuple(sentences), path=path)


def read_unlabelled(path: Path) -> Unlabelled:
    """All sentences; the label column is not even read from the file.

    Raises:
        UserError: no Parquet file with a column `tokens`, or no rows.

    """
    (rows,) = _columns(path, "tokens")
    texts = tuple(Text(tuple(tokens)) for tokens in rows if tokens)
    _require_some(texts, path)
    return Unlabelled(texts=texts, path=path)


def _columns(path: Path, *names: str) -> list[list[Any]]:
    try:
        missing = set(names) - set(parquet.read_schema(path).names)
        if missing:
            raise UserError(f"{path} has no column {' or '.join(sorted(missing))}: it is not the hub's WikiAnn")
        table = parquet.read_table(path, columns=list(names))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"cannot read {path} as Parquet: {error}") from error
    return [table.column(name).to_pylist() for name in names]


def _require_some(items: Sequence[object], path: Path) -> None:
    if not items:
        raise UserError(f"{path} holds no sentence: the file is empty or broken, fetch it anew")
