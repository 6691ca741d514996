"""One split of a data set, from wherever it is: the embedded sample, a text file or a Parquet file."""

from pathlib import Path

from . import columns
from .catalogue import Dataset, Split
from .locate import require_file
from .sample import sample_sentences
from .sentences import Labelled, Text, Unlabelled


def read_labelled(dataset: Dataset, lang: str, split: Split, data_dir: Path | None) -> Labelled:
    """All sentences of a split with labels; `UserError` for what is missing, malformed or out of reach."""
    if dataset.embedded:
        return Labelled(sentences=sample_sentences(lang, split))
    path = require_file(dataset, lang, split, data_dir)
    if path.suffix == ".parquet":
        from . import parquet  # imported here: other files are read without pyarrow

        return parquet.read_labelled(path, dataset)
    return columns.read_labelled(path, dataset, lang)


def read_unlabelled(dataset: Dataset, lang: str, data_dir: Path | None) -> Unlabelled:
    """All sentences of the training split without labels, which no reader looks at."""
    if dataset.embedded:
        return Unlabelled(texts=tuple(Text(sentence.tokens) for sentence in sample_sentences(lang, "train")))
    path = require_file(dataset, lang, "train", data_dir)
    if path.suffix == ".parquet":
        from . import parquet  # imported here: other files are read without pyarrow

        return parquet.read_unlabelled(path)
    return columns.read_unlabelled(path, dataset, lang)
