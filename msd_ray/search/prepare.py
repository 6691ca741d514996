"""Corpora and encoder of a search, encoded once and kept under keys of their content."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from ..corpora import Sentence, Text, digest, label_names, load_source, load_target, load_test
from ..encoders import EncoderFiles, load_tokenizer, resolve
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
class Prepared:
    """experiment: what workers are told. digests: of the sentences, by part. has_test: whether a test file is there."""

    experiment: Experiment
    digests: dict[str, str]
    sentences: dict[str, int]
    has_test: bool


def prepare(data: Data, encoder_name: str, storage: Storage) -> Prepared:
    """Read and encode everything but the test set.

    Raises UserError for what is missing or malformed, with the file and line (see `corpora` and `encoders`).
    """
    source = load_source(data.dataset, data.directory, limit=data.limit)
    target = load_target(data.dataset, data.lang, data.directory, limit=data.limit)
    encoder = resolve(encoder_name)
    features = _Features(encoder=encoder, names=label_names(data.dataset), storage=storage, max_length=data.max_length)
    parts: dict[str, Sequence[Sentence | Text]] = {
        "source_train": source.train,
        "source_dev": source.dev,
        "target_train": target.train,
        "target_dev": target.dev,
    }
    corpora = Corpora(
        label_names=features.names,
        pad_id=features.pad_id,
        source_train=features.labelled(source.train),
        source_dev=features.labelled(source.dev),
        target_train=features.unlabelled(target.train),
        target_dev=features.labelled(target.dev),
    )
    return Prepared(
        experiment=Experiment(storage=storage, encoder=encoder, corpora=corpora),
        digests={name: digest(sentences) for name, sentences in parts.items()},
        sentences={name: len(sentences) for name, sentences in parts.items()},
        has_test=target.has_test,
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
    return Scored(split="test", features=features.labelled(load_test(data.dataset, data.lang, data.directory)))


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
