"""Reader of WikiAnn's Parquet files: `tokens` (lists of strings), `ner_tags` (lists of indices)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from msd_ray.common.errors import UserError
from msd_ray.common.limits import is_text_lists, read_columns
from msd_ray.common.text import count_of

from .catalogue import Dataset
from .sentences import Labelled, Sentence, Text, Unlabelled
from .text_file import stray_character

_ADVICE = "The file is not WikiAnn as the hub has it: download it again."


def read_labelled(path: Path, dataset: Dataset) -> Labelled:
    """Read all sentences; a class index refers to the data set's labels, which are in the Hub's order.

    Raises:
        UserError: the file is not Parquet with these columns or has no rows, or a row's class indices match neither
            its tokens nor the labels.
    """
    labels = dataset.labels
    sentences = []
    columns = read_text_columns(path, "tokens", "ner_tags", advice=_ADVICE)
    for row, (tokens, tags) in enumerate(zip(*columns, strict=True)):
        if tokens is None or tags is None:
            raise UserError(f"{path}: row {row} is null")
        if len(tokens) != len(tags):
            raise UserError(f"{path}: row {row} has {len(tokens)} tokens and {len(tags)} labels")
        if not all(isinstance(tag, int) and 0 <= tag < len(labels) for tag in tags):
            numbered = ", ".join(f"{i} {label}" for i, label in enumerate(labels))
            raise UserError(f"{path}: row {row} has an unknown label among {tags!r:.80}: the labels are {numbered}")
        if tokens:
            sentences.append(Sentence(tuple(tokens), tuple(labels[tag] for tag in tags)))
    _require_some(sentences, path)
    notes = _stray_characters(columns[0], path, dataset.stray_lines)
    return Labelled(sentences=tuple(sentences), path=path, notes=notes)


def read_unlabelled(path: Path, dataset: Dataset) -> Unlabelled:
    """Read the tokens of all sentences; the label column is not read.

    Raises:
        UserError: the file is not Parquet with a column `tokens`, has no rows, or is damaged.
    """
    (rows,) = read_text_columns(path, "tokens", advice=_ADVICE)
    texts = tuple(Text(tuple(tokens)) for tokens in rows if tokens)
    _require_some(texts, path)
    return Unlabelled(texts=texts, path=path, notes=_stray_characters(rows, path, dataset.stray_lines))


def read_text_columns(path: Path, *names: str, advice: str) -> list[list[Any]]:
    """Read columns, of which the first has lists of strings.

    Args:
        path: the file.
        names: of the columns.
        advice: what to do about a file with other columns.

    Raises:
        UserError: the file is not Parquet, or has other columns.
    """
    try:
        columns = read_columns(path, names)
    except KeyError as error:
        raise UserError(f"{path}: no column `{error.args[0]}`. {advice}") from error
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:  # ValueError: text that is not UTF-8
        raise UserError(f"cannot read {path} as Parquet: {error}") from error
    if not is_text_lists(columns[0]):
        raise UserError(f"{path}: column `{names[0]}` does not contain lists of strings. {advice}")
    return columns


def _stray_characters(rows: Sequence[Sequence[str] | None], path: Path, most: float) -> tuple[str, ...]:
    """Check that at most this share of the rows has characters that no text has; returns the note that says so."""
    found = {row: name for row, tokens in enumerate(rows) if (name := stray_character(" ".join(tokens or ())))}
    if not found:
        return ()
    first = next(iter(found))
    if len(found) > most * len(rows):
        raise UserError(f"{path}: row {first} has {found[first]}. The file is damaged: download it again.")
    return (f"{path.name}: {count_of(len(found), 'sentence')} with control or replacement characters, as row {first}",)


def _require_some(items: Sequence[object], path: Path) -> None:
    if not items:
        raise UserError(f"{path}: contains no sentence. The file is empty or damaged: download it again.")
