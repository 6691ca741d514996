"""How large a file from elsewhere may be: more is refused before memory is asked for it.

The bounds are far above what people have and far below what stops a machine: a search holds its corpora in memory.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import UserError

MIB = 1 << 20
LARGEST_TEXT = 2048 * MIB
"""Bytes of a corpus file or of a file in MLflow; of a Parquet file, as it is and decompressed."""
LONGEST_LINE = MIB
"""Characters of a line of a corpus file, which holds one token."""
MOST_VALUES = 200_000_000
"""Values in a column of a Parquet file (tokens, labels): a few bytes can stand for any number of them."""


def check_size(path: Path, largest: int, *, what: str = "a file of this kind") -> None:
    """Raises UserError for a file with more bytes, OSError where there is none."""
    size = path.stat().st_size
    if size > largest:
        raise UserError(f"{path}: {size} bytes, {what} has at most {largest}")


def read_columns(path: Path, names: Sequence[str]) -> list[list[Any]]:
    """Columns of a Parquet file as Python values, after its metadata have said how large they become.

    Raises:
        UserError: it becomes too large.
        KeyError: a column is not there, which the error names.
        ArrowException, OSError: the file cannot be read, or is no Parquet.
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
    """Refuse a file that decompression or decoding would blow up."""
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
    """Whether every value of a column is a list of strings, or nothing."""
    return all(row is None or (isinstance(row, list) and all(isinstance(x, str) for x in row)) for row in column)
