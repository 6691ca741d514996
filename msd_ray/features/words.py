"""The words of scored sentences on disk, for predictions that people read: token ids cannot be turned back."""

from collections.abc import Sequence
from pathlib import Path

from ..corpora import Sentence
from ..manifest import new_content

FILE = "words.parquet"


def save_words(sentences: Sequence[Sentence], directory: Path) -> None:
    """Write every sentence's words as one row of a Parquet file; the directory appears whole or not at all."""
    import pyarrow as pa  # imported here: training and its benchmarks run without pyarrow
    import pyarrow.parquet as pq

    with new_content(directory) as scratch:
        words = pa.array([list(sentence.tokens) for sentence in sentences], pa.list_(pa.string()))
        pq.write_table(pa.table({"tokens": words}), scratch / FILE)


def load_words(directory: Path) -> list[list[str]]:
    """Read what `save_words` wrote."""
    import pyarrow.parquet as pq

    words: list[list[str]] = pq.read_table(directory / FILE, columns=["tokens"])["tokens"].to_pylist()
    return words
