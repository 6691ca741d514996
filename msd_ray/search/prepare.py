"""Corpora and encoder of a search, encoded once and kept under keys of their content."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from ..corpora import (
    Sentence,
    SourceCorpus,
    TargetCorpus,
    Text,
    digest,
    label_names,
    load_source,
    load_target,
    load_test,
)
from ..encoders import EncoderFiles, load_tokenizer
from ..features import encode_sentences, encode_text, save_sentences, save_text
from .plans import Corpora, Experiment, Scored
from .storage import Storage, content_key


@dataclass(frozen=True, kw_only=True)
class Data:
    """Where sentences come from: dataset and language as the catalogue names them.

    limit: as many training sentences of each language at most. max_length: tokens a sentence.
    """

    dataset: str
    lang: str
    directory: Path | None
    limit: int | None
    max_length: int


@dataclass(frozen=True, kw_only=True)
class ReadCorpora:
    """The sentences of a search, all but the test set's."""

    source: SourceCorpus
    target: TargetCorpus

    @property
    def parts(self) -> dict[str, Sequence[Sentence | Text]]:
        """The sentences by part: source_train, source_dev, target_train (without labels), target_dev."""
        return {
            "source_train": self.source.train,
            "source_dev": self.source.dev,
            "target_train": self.target.train,
            "target_dev": self.target.dev,
        }

    @cached_property
    def digests(self) -> dict[str, str]:
        """A digest of the sentences of each part."""
        return {name: digest(sentences) for name, sentences in self.parts.items()}

    @property
    def counts(self) -> dict[str, int]:
        """How many sentences each part has."""
        return {name: len(sentences) for name, sentences in self.parts.items()}


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """experiment: what workers are told. digests: of the sentences, by part. has_test: whether a test file is there."""

    experiment: Experiment
    digests: dict[str, str]
    sentences: dict[str, int]
    has_test: bool


def read(data: Data) -> ReadCorpora:
    """Read everything but the test set, and write nothing.

    Raises UserError for what is missing or malformed, with the file and line (see `corpora`).
    """
    # The target first: whether there is such a language is known sooner than English is read.
    target = load_target(data.dataset, data.lang, data.directory, limit=data.limit)
    return ReadCorpora(source=load_source(data.dataset, data.directory, limit=data.limit), target=target)


def prepare(data: Data, corpora: ReadCorpora, encoder: EncoderFiles, storage: Storage) -> Prepared:
    """Encode the corpora into the storage, unless they are there.

    Raises UserError if the storage cannot be written, or the encoder has no tokenizer that fits.
    """
    features = _Features(encoder=encoder, names=label_names(data.dataset), storage=storage, max_length=data.max_length)
    with storage.writing():
        keys = Corpora(
            label_names=features.names,
            pad_id=features.pad_id,
            source_train=features.labelled(corpora.source.train),
            source_dev=features.labelled(corpora.source.dev),
            target_train=features.unlabelled(corpora.target.train),
            target_dev=features.labelled(corpora.target.dev),
        )
    return Prepared(
        experiment=Experiment(storage=storage, encoder=encoder, corpora=keys),
        digests=corpora.digests,
        sentences=corpora.counts,
        has_test=corpora.target.has_test,
    )


def prepare_test(data: Data, prepared: Prepared) -> Scored:
    """Read and encode what final runs are scored on: the test set, or the dev set of a corpus without one.

    The one place where test labels are read from a corpus; the final phase alone calls it.
    """
    corpora = prepared.experiment.corpora
    if not prepared.has_test:
        return Scored(split="dev", features=corpora.target_dev)
    features = _Features(
        encoder=prepared.experiment.encoder,
        names=corpora.label_names,
        storage=prepared.experiment.storage,
        max_length=data.max_length,
    )
    test = load_test(data.dataset, data.lang, data.directory)
    with prepared.experiment.storage.writing():
        return Scored(split="test", features=features.labelled(test))


class _Features:
    """Encodes sentences into the storage unless they are there; returns their keys."""

    def __init__(self, *, encoder: EncoderFiles, names: Sequence[str], storage: Storage, max_length: int) -> None:
        self.names = tuple(names)
        self._encoder = encoder
        self._storage = storage
        self._max_length = max_length
        self._tokenizer: PreTrainedTokenizerFast = load_tokenizer(encoder)
        self.pad_id = int(self._tokenizer.pad_token_id)

    def labelled(self, sentences: Sequence[Sentence]) -> str:
        key = self._key(sentences, labels=self.names)
        if not self._storage.features(key).is_dir():
            encoded = encode_sentences(sentences, self._tokenizer, self.names, max_length=self._max_length)
            save_sentences(encoded, self._storage.features(key))
        return key

    def unlabelled(self, sentences: Sequence[Text]) -> str:
        key = self._key(sentences, labels=())
        if not self._storage.features(key).is_dir():
            save_text(encode_text(sentences, self._tokenizer, max_length=self._max_length), self._storage.features(key))
        return key

    def _key(self, sentences: Sequence[Sentence | Text], *, labels: Sequence[str]) -> str:
        return content_key(
            kind="features",
            encoder=self._encoder.digest,
            sentences=digest(sentences),
            labels=list(labels),
            max_length=self._max_length,
        )
