"""Load the sentences of a data set and language: the interface of this package to the others.

Zero-shot: `load_target` reads training text with readers that ignore labels. Only `load_test` opens test files.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar, overload

from msd_ray.common.errors import UserError

from . import columns
from .catalogue import DEFAULT_SOURCE, Dataset, Split, dataset_named, joined
from .locate import check_language, has_test, require_file
from .sample import sample_sentences
from .sentences import Labelled, Sentence, Text, Unlabelled
from .words import WordRule, rule_of_tokens

# One seed for every subset: runs with the same --limit, and all test scores, use the same sentences.
SUBSET_SEED = 20230716

Item = TypeVar("Item", Sentence, Text)


@dataclass(frozen=True, kw_only=True)
class SourceCorpus:
    """Labelled training and development sentences of the source language.

    Args:
        dataset: name of the data set.
        lang: language code; of several languages joined by `+`.
        train: training sentences.
        dev: development sentences.
        labels: `O`, then `B-` and `I-` of every entity type; a label's position is its class index.
        files: files that were read, training first; empty for the embedded sample.
        notes: how files were read and converted, as sentences for people.
    """

    dataset: str
    lang: str
    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    labels: tuple[str, ...]
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetCorpus:
    """Unlabelled training text and labelled development sentences of a target language.

    Args:
        dataset: name of the data set.
        lang: language code.
        train: training text, without labels.
        dev: development sentences; empty if they were not to be read.
        has_test: whether `load_test` will find a test set.
        has_dev: whether there is a development set, read or not.
        word_rule: how the training text is split into words.
        files: files that were read, training first; empty for the embedded sample.
        notes: how files were read and converted, as sentences for people.
    """

    dataset: str
    lang: str
    train: tuple[Text, ...]
    dev: tuple[Sentence, ...]
    has_test: bool
    has_dev: bool = True
    word_rule: WordRule
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load_source(
    dataset: str, data_dir: Path | None, *, lang: str = DEFAULT_SOURCE, limit: int | None = None
) -> SourceCorpus:
    """Load the source language; `limit` selects a fixed random subset of the training sentences.

    Raises:
        UserError: unknown data set or language, missing directory or file, a file that is empty or malformed,
            an unknown label, an unreachable Hub, or a limit below 1.
    """
    entry = _checked(dataset, lang, data_dir, limit)
    train = read_labelled(entry, lang, "train", data_dir)
    dev = read_labelled(entry, lang, "dev", data_dir)
    return SourceCorpus(
        dataset=dataset,
        lang=lang,
        train=subset(train.sentences, limit),
        dev=dev.sentences,
        labels=entry.labels,
        files=_files(train.path, dev.path),
        notes=_notes(train, dev),
    )


def load_sources(
    dataset: str, data_dir: Path | None, *, langs: Sequence[str], limit: int | None = None
) -> SourceCorpus:
    """Load source languages as one corpus: the sentences of each, one language after the other.

    limit: of each language.

    Raises:
        UserError: as `load_source`.
    """
    corpora = [load_source(dataset, data_dir, lang=lang, limit=limit) for lang in langs]
    return replace(
        corpora[0],
        lang=joined(langs),
        train=tuple(sentence for corpus in corpora for sentence in corpus.train),
        dev=tuple(sentence for corpus in corpora for sentence in corpus.dev),
        files=tuple(file for corpus in corpora for file in corpus.files),
        notes=tuple(note for corpus in corpora for note in corpus.notes),
    )


def load_target(
    dataset: str, lang: str, data_dir: Path | None, *, limit: int | None = None, dev: bool = True
) -> TargetCorpus:
    """Load a target language: training text without labels, and labelled development sentences.

    Args:
        dataset: name of the data set.
        lang: language code.
        data_dir: directory of the corpus files; None: embedded or from the Hub.
        limit: size of a fixed random subset of the training text; None: all.
        dev: whether to read the development sentences. A search that does not select on them does not read their
            labels.

    Raises:
        UserError: as `load_source`, except for labels of the training file.
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
        word_rule=rule_of_tokens(train.texts),
        files=_files(train.path, None if labelled is None else labelled.path),
        notes=_notes(train, *(() if labelled is None else (labelled,))),
    )


@overload
def load_corpus(
    dataset: str, lang: Literal["en"], data_dir: str | Path | None = None, *, limit: int | None = None
) -> SourceCorpus: ...


@overload
def load_corpus(
    dataset: str, lang: str, data_dir: str | Path | None = None, *, limit: int | None = None
) -> SourceCorpus | TargetCorpus: ...


def load_corpus(
    dataset: str, lang: str, data_dir: str | Path | None = None, *, limit: int | None = None
) -> SourceCorpus | TargetCorpus:
    """Load what a search reads of a language: English with labels, a target language's training text without.

    Args:
        dataset: name of the data set, see `python -m msd_ray.data list`.
        lang: language code.
        data_dir: directory of the corpus files; None: embedded or from the Hub.
        limit: size of a fixed random subset of the training sentences; None: all.

    Raises:
        UserError: as `load_source`.

    >>> corpus = load_corpus("sample", "tr", limit=2)
    >>> len(corpus.train), hasattr(corpus.train[0], "labels"), hasattr(corpus.dev[0], "labels")
    (2, False, True)
    """
    place = None if data_dir is None else Path(data_dir)
    if lang == "en":
        return load_source(dataset, place, limit=limit)
    return load_target(dataset, lang, place, limit=limit)


def load_dev(dataset: str, lang: str, data_dir: Path | None) -> tuple[Sentence, ...]:
    """Load the development sentences, on which final runs are scored if there is no test set.

    Raises:
        UserError: as `load_source`.
    """
    return read_labelled(_checked(dataset, lang, data_dir, limit=None), lang, "dev", data_dir).sentences


def load_test(dataset: str, lang: str, data_dir: Path | None) -> tuple[Sentence, ...]:
    """Load the test sentences, for final runs only.

    For mlowner a fixed random subset of 10,000, the size of the paper's sample (whose choice is not published).

    Raises:
        UserError: as `load_source`; also if there is no test file.
    """
    entry = _checked(dataset, lang, data_dir, limit=None)
    return subset(read_labelled(entry, lang, "test", data_dir).sentences, entry.test_sample)


def read_labelled(dataset: Dataset, lang: str, split: Split, data_dir: Path | None) -> Labelled:
    """Read all sentences of a split, with labels, from the embedded sample, a text file or a Parquet file.

    Raises:
        UserError: the file is missing or malformed, or cannot be downloaded.
    """
    if dataset.embedded:
        return Labelled(sentences=sample_sentences(lang, split))
    path = require_file(dataset, lang, split, data_dir)
    if path.suffix == ".parquet":
        from . import parquet  # imported here: other files are read without pyarrow

        return parquet.read_labelled(path, dataset)
    return columns.read_labelled(path, dataset, lang)


def read_unlabelled(dataset: Dataset, lang: str, data_dir: Path | None) -> Unlabelled:
    """Read all sentences of the training split with readers that ignore labels.

    Raises:
        UserError: as `read_labelled`, except for labels.
    """
    if dataset.embedded:
        return Unlabelled(texts=tuple(Text(sentence.tokens) for sentence in sample_sentences(lang, "train")))
    path = require_file(dataset, lang, "train", data_dir)
    if path.suffix == ".parquet":
        from . import parquet  # imported here: other files are read without pyarrow

        return parquet.read_unlabelled(path, dataset)
    return columns.read_unlabelled(path, dataset, lang)


def subset(sentences: Sequence[Item], size: int | None) -> tuple[Item, ...]:
    """A fixed random subset in the original order; all items if `size` is None or not smaller.

    A smaller subset is part of a larger one.
    """
    if size is None or size >= len(sentences):
        return tuple(sentences)
    return tuple(sentences[i] for i in sorted(subset_positions(len(sentences), size)))


def subset_positions(count: int, size: int) -> set[int]:
    """The positions of a fixed random subset of `count` items.

    An item's rank is a hash of seed and position, so the choice does not depend on a library's generator.
    """
    ranks = [hashlib.blake2b(b"%d %d" % (SUBSET_SEED, i), digest_size=8).digest() for i in range(count)]
    return set(sorted(range(count), key=ranks.__getitem__)[:size])


def _checked(dataset: str, lang: str, data_dir: Path | None, limit: int | None) -> Dataset:
    entry = dataset_named(dataset)
    check_language(entry, lang, data_dir)
    if limit is not None and limit < 1:
        raise UserError(f"--limit {limit}: expected at least 1 sentence.")
    return entry


def _notes(*read: Labelled | Unlabelled) -> tuple[str, ...]:
    return tuple(note for found in read for note in found.notes)


def _files(*paths: Path | None) -> tuple[str, ...]:
    return tuple(str(path) for path in paths if path is not None)
