"""A user's own files, each read in the form that its name tells: Parquet, JSON lines, columns or raw text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msd_ray.common.errors import UserError

from . import columns, json_lines, raw_text
from .column_rows import ColumnRow, column_rows, own_layout
from .rows import Row, RowFile, check_words, row_file
from .sentences import Unlabelled
from .text_file import compressed_copy, read_text_file, unpack_command

_JSON = (".jsonl", ".json")
_LABELLED_SUFFIXES = (".parquet", *_JSON, *raw_text.COLUMN_SUFFIXES, ".txt")
_TRAIN, _DEV = ("train",), ("dev", "valid", "validation")


@dataclass(frozen=True, kw_only=True)
class OwnFiles:
    """Paths of a user's own corpora.

    Args:
        source: labelled source sentences, one corpus in this order: files, or directories with a training and perhaps
            a dev file.
        source_dev: labelled source sentences that select; None: those of the directories, else a part of `source`.
        target_text: target text, whose labels are not read if it has any.
        target_dev: labelled target sentences that can select; None: there are none.
        target_test: labelled target sentences that final runs are scored on; None: there are none.
    """

    source: tuple[Path, ...]
    source_dev: Path | None = None
    target_text: Path
    target_dev: Path | None = None
    target_test: Path | None = None


def read_rows(path: Path, lang: str) -> RowFile:
    """Read labelled sentences, in columns (token first, label last) unless the name ends in .parquet, .jsonl or .json.

    Raises:
        UserError: the file is missing, malformed or empty.
    """
    _require_file(path)
    if path.suffix == ".parquet":
        from . import hub_parquet  # imported here: other files are read without pyarrow

        return hub_parquet.read_rows(path)
    if path.suffix in _JSON:
        return json_lines.read_rows(path)
    file = read_text_file(path)
    sentences = column_rows(file, own_layout(file), lang)
    return row_file(path, (_row(path, sentence) for sentence in sentences), token_lines=True)


def read_text(path: Path, lang: str) -> tuple[Unlabelled, bool]:
    """Read unlabelled sentences; also returns whether the file is raw text, not split into words. No label is read.

    Raises:
        UserError: the file is missing, malformed or empty, or is raw text with labels.
    """
    _require_file(path)
    if path.suffix == ".parquet":
        from . import hub_parquet

        return hub_parquet.read_texts(path), False
    if path.suffix in _JSON:
        return json_lines.read_texts(path), False
    if path.suffix in raw_text.COLUMN_SUFFIXES:
        file = read_text_file(path)
        found = columns.read_texts(file, own_layout(file), lang)
        for number, text in enumerate(found.texts, start=1):
            check_words(text.tokens, f"{path}, sentence {number}")
        return found, False
    return raw_text.read_raw(path), True


def _row(path: Path, sentence: Sequence[ColumnRow]) -> Row:
    line = sentence[0].number
    tokens = tuple(row.columns[0] for row in sentence)
    check_words(tokens, f"{path}:{line}")
    return Row(tokens, tuple(row.columns[-1] for row in sentence), line)


def train_and_dev(source: Path) -> tuple[Path, Path | None]:
    """The training file, and the dev file if there is one, of `--source`: a file, or a directory with such files.

    Raises:
        UserError: the directory has no training file, or more than one file of a kind.
    """
    if not source.is_dir():
        return source, None
    train, dev = _named(source, _TRAIN), _named(source, _DEV)
    if train is None:
        raise UserError(
            f"--source {source}: no training file. Name one train.conll, train.jsonl or train-00000-of-00001.parquet, "
            "or give a file."
        )
    return train, dev


def _named(directory: Path, names: tuple[str, ...]) -> Path | None:
    found = sorted(
        path
        for path in directory.iterdir()
        if path.suffix in _LABELLED_SUFFIXES and path.stem.partition("-")[0] in names and path.is_file()
    )
    if len(found) > 1:
        raise UserError(
            f"--source {directory}: more than one file could be meant: {', '.join(path.name for path in found)}. "
            "Give the training file with --source and the dev file with --source-dev."
        )
    return found[0] if found else None


def _require_file(path: Path) -> None:
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        packed = compressed_copy(path)
        advice = "Give a file of sentences." if packed is None else f"Unpack {packed.name}: {unpack_command(packed)}"
        raise UserError(f"{path}: {what}. {advice}")
