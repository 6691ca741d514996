"""Encoded corpora on disk: a directory of plain arrays, memory-mapped by every trial that reads them."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from ..manifest import new_content
from .encode import EncodedSentences, EncodedText


def save_text(text: EncodedText, directory: Path) -> None:
    """Write the arrays of unlabelled text; the directory appears whole or not at all."""
    _save(text, EncodedText, directory)


def save_sentences(sentences: EncodedSentences, directory: Path) -> None:
    """Write the arrays of labelled sentences; the directory appears whole or not at all."""
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
