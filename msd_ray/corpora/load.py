"""From the name of a data set and a language to its sentences: what the rest of the package calls.

Zero-shot: `load_target` reads training text with readers that look at no label. Test files are opened by
`load_test` alone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from msd_ray.corpora import columns, parquet
from msd_ray.corpora.catalogue import Dataset, Split, dataset_named
from msd_ray.corpora.columns import Labelled
from msd_ray.corpora.locate import check_language, has_test, require_file
from msd_ray.corpora.sentences import Sentence, Text
from msd_ray.errors import UserError

# One seed for every subset: runs with the same --limit, and every test score, are about the same sentences.
SUBSET_SEED = 20230716

Item = TypeVar("Item", Sentence, Text)


@dataclass(frozen=True, kw_only=True)
class SourceCorpus:
    """Labelled training and development sentences of the source language.

    `files`: where they were read from, training first; none for the embedded sample.
    """

    dataset: str
    lang: str
    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetCorpus:
    """Unlabelled training text and labelled development sentences of a target language.

    `has_test` says whether `load_test` will find a test set; `files` where the text was read from.
    """

    dataset: str
    lang: str
    train: tuple[Text, ...]
    dev: tuple[Sentence, ...]
    has_test: bool
    files: tuple[str, ...] = ()


def load_source(
    dataset: str, data_dir: Path | None, *, lang: str = "en", limit: int | None = None
) -> SourceCorpus:
    """The source language's sentences; `limit` takes a fixed random subset of the training sentences.

    Raises:
        UserError: unknown data set or language, missing directory or file, a file that is empty or malformed,
            an unknown label, an unreachable hub, or a limit below 1.

    """
    entry = _checked(dataset, lang, data_dir, limit)
    train, train_files = _labelled(entry, lang, "train", data_dir)
    dev, dev_files = _labelled(entry, lang, "dev", data_dir)
    return SourceCorpus(
        dataset=dataset, lang=lang, train=subset(train, limit), dev=dev, files=train_files + dev_files
    )


def load_target(dataset: str, lang: str, data_dir: Path | None, *, limit: int | None = None) -> TargetCorpus:
    """A target language's training text without labels, and its labelled development sentences.

    Raises:
        UserError: as `load_source`, but nothing about the labels of the training file.

    """
    entry = _checked(dataset, lang, data_dir, limit)
    train, train_files = _unlabelled(entry, lang, data_dir)
    dev, dev_files = _labelled(entry, lang, "dev", data_dir)
    return TargetCorpus(
        dataset=dataset,
        lang=lang,
        train=subset(train, limit),
        dev=dev,
        has_test=entry.name == "sample" or has_test(entry, lang, data_dir),
        files=train_files + dev_files,
    )


def load_test(dataset: str, lang: str, data_dir: Path | None) -> tuple[Sentence, ...]:
    """The test sentences, for final runs alone.

    For mlowner a fixed random subset of 10,000, as many as the paper samples (its own choice is not published).

    Raises:
        UserError: as `load_source`; a test file that is not there, too.

    """
    entry = _checked(dataset, lang, data_dir, limit=None)
    sentences, _ = _labelled(entry, lang, "test", data_dir)
    return subset(sentences, entry.test_sample)


def subset(sentences: Sequence[Item], size: int | None) -> tuple[Item, ...]:
    """A fixed random subset in the original order; all of them for `None` or when there are no more.

    A position's rank is a hash of seed and position, so the choice depends on no library's generator, and a
    smaller subset is part of a larger one.
    """
    if size is None or size >= len(sentences):
        return tuple(sentences)
    ranks = [
        hashlib.blake2b(b"%d %d" % (SUBSET_SEED, i), digest_size=8).digest() for i in range(len(sentences))
    ]
    chosen = sorted(range(len(sentences)), key=ranks.__getitem__)[:size]
    return tuple(sentences[i] for i in sorted(chosen))


def read_file(path: Path, dataset: Dataset, lang: str) -> Labelled:
    """All labelled sentences of one file, whatever its format."""
    if path.suffix == ".parquet":
        return parquet.read_labelled(path, dataset)
    return columns.read_labelled(path, dataset, lang)


def _checked(dataset: str, lang: str, data_dir: Path | None, limit: int | None) -> Dataset:
    entry = dataset_named(dataset)
    check_language(entry, lang, data_dir)
    if limit is not None and limit < 1:
        raise UserError(f"a limit of {limit} sentences leaves nothing to train on: give 1 or more")
    return entry


def _labelled(
    dataset: Dataset, lang: str, split: Split, data_dir: Path | None
) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    if dataset.name == "sample":
        return _sample(lang, split), ()
    path = require_file(dataset, lang, split, data_dir)
    return read_file(path, dataset, lang).sentences, (str(path),)


def _unlabelled(
    dataset: Dataset, lang: str, data_dir: Path | None
) -> tuple[tuple[Text, ...], tuple[str, ...]]:
    if dataset.name == "sample":
        return tuple(Text(sentence.tokens) for sentence in _sample(lang, "train")), ()
    path = require_file(dataset, lang, "train", data_dir)
    if path.suffix == ".parquet":
        return parquet.read_unlabelled(path), (str(path),)
    return columns.read_unlabelled(path, dataset, lang), (str(path),)


def _sample(lang: str, split: Split) -> tuple[Sentence, ...]:
    from msd_ray.corpora.sample.generate import sample_sentences

    return sample_sentences(lang, split)
