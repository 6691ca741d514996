"""Bounds on untrusted input: file sizes, Parquet columns, names.

Input beyond the bounds is rejected before memory is allocated for it. The bounds are far above real corpora and far
below a machine's memory: a search holds its corpora in memory.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import UserError

MIB = 1 << 20
LARGEST_TEXT = 2048 * MIB
"""Bytes of a corpus file or of a file in MLflow; of a Parquet file both compressed and decompressed."""
LONGEST_LINE = MIB
"""Characters of a line of a corpus file, which contains one token."""
MOST_VALUES = 200_000_000
"""Values in a column of a Parquet file (tokens, labels), which compress to a few bytes."""
LONGEST_NAME = 80
"""Characters of a name that becomes part of a path, a URL or a database key."""


def check_size(path: Path, largest: int, *, what: str = "a file of this kind") -> None:
    """Check the size of a file.

    Raises:
        UserError: it has more than `largest` bytes.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > largest:
        raise UserError(f"{path}: {size} bytes, {what} has at most {largest}")


def read_columns(path: Path, names: Sequence[str]) -> list[list[Any]]:
    """Columns of a Parquet file as Python values, after a check of their size in the metadata.

    Raises:
        UserError: the columns are too large.
        KeyError: a column does not exist; the error names it.
        ArrowException, OSError: the file cannot be read or is not Parquet.
    """
    from pyarrow import parquet  # imported here: training and its benchmarks run without pyarrow

    check_size(path, LARGEST_TEXT)
    with parquet.ParquetFile(path) as file:
        missing = sorted(set(names) - set(file.schema_arrow.names))
        if missing:
            raise KeyError(" or ".join(missing))
        _check_growth(path, file.metadata, names)
        table = file.read(columns=list(names))
    return [table.column(name).to_pylist() for name in names]


def _check_growth(path: Path, metadata: Any, names: Sequence[str]) -> None:
    """Reject a file that becomes too large by decompression or decoding."""
    size, values = 0, dict.fromkeys(names, metadata.num_rows)
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            name = column.path_in_schema.partition(".")[0]
            if name in values:
                size += column.total_uncompressed_size
                values[name] += column.num_values
    most = max(values.values(), default=0)
    if size > LARGEST_TEXT or most > MOST_VALUES:
        raise UserError(
            f"{path}: {path.stat().st_size} bytes stand for {size} decompressed and {most} values in a column; "
            f"at most {LARGEST_TEXT} and {MOST_VALUES} are read"
        )


def is_text_lists(column: Sequence[Any]) -> bool:
    """Whether every value of a column is a list of strings or None."""
    return all(row is None or (isinstance(row, list) and all(isinstance(x, str) for x in row)) for row in column)


def is_plain(name: str) -> bool:
    """Whether a name is a safe path component: 1 to 80 ASCII letters, digits, `.-_`; no leading dot."""
    return (
        0 < len(name) <= LONGEST_NAME
        and name[0] != "."
        and all(c.isascii() and (c.isalnum() or c in "._-") for c in name)
    )


def require_plain(name: str, what: str) -> str:
    """The name, if `is_plain`.

    Args:
        name: to be checked.
        what: begin of the message.

    Raises:
        UserError: the name is not plain.
    """
    if not is_plain(name):
        shown = repr(name) if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]!r}... ({len(name)} characters)"
        raise UserError(
            f"{what} {shown}: use letters, digits, dot, dash and underscore, {LONGEST_NAME} at most, no dot first"
        )
    return name
