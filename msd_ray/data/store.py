"""Encoded corpora on disk: a directory of plain arrays, memory-mapped by every trial."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from msd_ray.common.manifest import new_content

from .encode import EncodedSentences, EncodedText
from .sentences import Sentence


def save_text(text: EncodedText, directory: Path) -> None:
    """Write the arrays of unlabelled text to a directory, atomically."""
    _save(text, EncodedText, directory)


def save_sentences(sentences: EncodedSentences, directory: Path) -> None:
    """Write the arrays of labelled sentences to a directory, atomically."""
    _save(sentences, EncodedSentences, directory)


def load_text(directory: Path) -> EncodedText:
    """Memory-map what `save_text` wrote."""
    return EncodedText(**_load(EncodedText, directory))


def load_sentences(directory: Path) -> EncodedSentences:
    """Memory-map what `save_sentences` wrote."""
    return EncodedSentences(**_load(EncodedSentences, directory))


def _save(text: EncodedText, kind: type[EncodedText], directory: Path) -> None:
    with new_content(directory) as scratch:
        for field in fields(kind):
            np.save(scratch / f"{field.name}.npy", getattr(text, field.name))


def _load(kind: type[EncodedText], directory: Path) -> dict[str, np.memmap]:
    return {field.name: np.load(directory / f"{field.name}.npy", mmap_mode="r") for field in fields(kind)}


FILE = "words.parquet"


def save_words(sentences: Sequence[Sentence], directory: Path) -> None:
    """Write the words of every sentence as one row of a Parquet file, atomically."""
    import pyarrow as pa  # imported here: training and its benchmarks run without pyarrow
    import pyarrow.parquet as pq

    with new_content(directory) as scratch:
        words = pa.array([list(sentence.tokens) for sentence in sentences], pa.list_(pa.string()))
        pq.write_table(pa.table({"tokens": words}), scratch / FILE)


def load_words(directory: Path) -> list[list[str]]:
    """Load what `save_words` wrote."""
    import pyarrow.parquet as pq

    words: list[list[str]] = pq.read_table(directory / FILE, columns=["tokens"])["tokens"].to_pylist()
    return words
