"""From the name of a data set and a language to its sentences: what the rest of the package calls.

Zero-shot: `load_target` reads training text with readers that look at no label. Test files are opened by
`load_test` alone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from msd_ray.common.errors import UserError

from .catalogue import Dataset, dataset_named
from .locate import check_language, has_test
from .read import read_labelled, read_unlabelled
from .sentences import Sentence, Text

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

    `dev` is empty where it was not to be read. `has_test` says whether `load_test` will find a test set; `files` where
    the text was read from.
    """

    dataset: str
    lang: str
    train: tuple[Text, ...]
    dev: tuple[Sentence, ...]
    has_test: bool
    files: tuple[str, ...] = ()


def load_source(dataset: str, data_dir: Path | None, *, lang: str = "en", limit: int | None = None) -> SourceCorpus:
    """The source language's sentences; `limit` takes a fixed random subset of the training sentences.

    Raises:
        UserError: unknown data set or language, missing directory or file, a file that is empty or malformed,
            an unknown label, an unreachable hub, or a limit below 1.

    """
    entry = _checked(dataset, lang, data_dir, limit)
    train = read_labelled(entry, lang, "train", data_dir)
    dev = read_labelled(entry, lang, "dev", data_dir)
    return SourceCorpus(
        dataset=dataset,
        lang=lang,
        train=subset(train.sentences, limit),
        dev=dev.sentences,
        files=_files(train.path, dev.path),
    )


def load_target(
    dataset: str, lang: str, data_dir: Path | None, *, limit: int | None = None, dev: bool = True
) -> TargetCorpus:
    """A target language's training text without labels, and its labelled development sentences.

    dev: whether to read those; a search that does not select on them leaves their labels alone.

    Raises:
        UserError: as `load_source`, but nothing about the labels of the training file.

    """
    entry = _checked(dataset, lang, data_dir, limit)
    train = read_unlabelled(entry, lang, data_dir)
    labelled = read_labelled(entry, lang, "dev", data_dir) if dev else None
    return TargetCorpus(
        dataset=dataset,
        lang=lang,
        train=subset(train.texts, limit),
        dev=() if labelled is None else labelled.sentences,
        has_test=has_test(entry, lang, data_dir),
        files=_files(train.path, None if labelled is None else labelled.path),
    )


def load_dev(dataset: str, lang: str, data_dir: Path | None) -> tuple[Sentence, ...]:
    """The development sentences alone: what final runs are scored on where there is no test set.

    Raises:
        UserError: as `load_source`.

    """
    return read_labelled(_checked(dataset, lang, data_dir, limit=None), lang, "dev", data_dir).sentences


def load_test(dataset: str, lang: str, data_dir: Path | None) -> tuple[Sentence, ...]:
    """The test sentences, for final runs alone.

    For mlowner a fixed random subset of 10,000, as many as the paper samples (its choice is not published).

    Raises:
        UserError: as `load_source`; a test file that is not there, too.

    """
    entry = _checked(dataset, lang, data_dir, limit=None)
    return subset(read_labelled(entry, lang, "test", data_dir).sentences, entry.test_sample)


def subset(sentences: Sequence[Item], size: int | None) -> tuple[Item, ...]:
    """A fixed random subset in the original order; all of them for `None` or when there are no more.

    A position's rank is a hash of seed and position, so the choice depends on no library's generator, and a
    smaller subset is part of a larger one.
    """
    if size is None or size >= len(sentences):
        return tuple(sentences)
    ranks = [hashlib.blake2b(b"%d %d" % (SUBSET_SEED, i), digest_size=8).digest() for i in range(len(sentences))]
    chosen = sorted(range(len(sentences)), key=ranks.__getitem__)[:size]
    return tuple(sentences[i] for i in sorted(chosen))


def _checked(dataset: str, lang: str, data_dir: Path | None, limit: int | None) -> Dataset:
    entry = dataset_named(dataset)
    check_language(entry, lang, data_dir)
    if limit is not None and limit < 1:
        raise UserError(f"a limit of {limit} sentences leaves nothing to train on: give 1 or more")
    return entry


def _files(*paths: Path | None) -> tuple[str, ...]:
    return tuple(str(path) for path in paths if path is not None)
