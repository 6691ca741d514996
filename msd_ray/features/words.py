"""The words of scored sentences on disk, for predictions that people read: token ids cannot be turned back."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..corpora import Sentence
from ..files import new_file


def save_words(sentences: Sequence[Sentence], path: Path) -> None:
    """Write every sentence's words as one row of a Parquet file, whole or not at all."""
    with new_file(path) as scratch:
        words = pa.array([list(sentence.tokens) for sentence in sentences], pa.list_(pa.string()))
        pq.write_table(pa.table({"tokens": words}), scratch)


def load_words(path: Path) -> list[list[str]]:
    """Read what `save_words` wrote."""
    words: list[list[str]] = pq.read_table(path, columns=["tokens"])["tokens"].to_pylist()
    return words
