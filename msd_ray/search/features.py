"""Encoded sentences in the storage: each set once, under a hash of its content."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from transformers import PreTrainedTokenizerFast

from msd_ray.data.encode import LabelAt, encode_sentences, encode_text
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.sentences import Sentence, Text, digest
from msd_ray.data.store import save_sentences, save_text
from msd_ray.storage.artifacts import create_if_missing
from msd_ray.storage.layout import Storage, content_key
from msd_ray.storage.uses import mark_used

from .plans import Experiment


class Features:
    """Encodes sentences into the storage unless they are stored, and returns their keys."""

    def __init__(
        self,
        *,
        encoder: EncoderFiles,
        names: Sequence[str],
        storage: Storage,
        max_length: int,
        label_at: LabelAt,
        study: str | None,
    ) -> None:
        self.names = tuple(names)
        self._encoder = encoder
        self._storage = storage
        self._max_length = max_length
        self._label_at = label_at
        self._study = study
        self._tokenizer: PreTrainedTokenizerFast = load_tokenizer(encoder)
        self.pad_id = int(self._tokenizer.pad_token_id)

    @classmethod
    def of(cls, experiment: Experiment, *, max_length: int, label_at: LabelAt) -> Self:
        """With the encoder, labels and storage of an experiment."""
        return cls(
            encoder=experiment.encoder,
            names=experiment.corpora.label_names,
            storage=experiment.storage,
            max_length=max_length,
            label_at=label_at,
            study=experiment.study,
        )

    def labelled(self, sentences: Sequence[Sentence]) -> str:
        """Encode sentences with their labels."""
        key = self._key(sentences, labels=self.names)
        directory = self._used(key)
        with create_if_missing(self._storage, directory) as wanted:
            if wanted:
                encoded = encode_sentences(
                    sentences,
                    self._tokenizer,
                    self.names,
                    max_length=self._max_length,
                    label_at=self._label_at,
                )
                save_sentences(encoded, directory)
        return key

    def unlabelled(self, sentences: Sequence[Text]) -> str:
        """Encode sentences without labels."""
        key = self._key(sentences, labels=())
        directory = self._used(key)
        with create_if_missing(self._storage, directory) as wanted:
            if wanted:
                encoded = encode_text(sentences, self._tokenizer, max_length=self._max_length, label_at=self._label_at)
                save_text(encoded, directory)
        return key

    def _used(self, key: str) -> Path:
        """Directory of the key; its use is recorded first, so that garbage collection does not remove it."""
        directory = self._storage.features(key)
        mark_used(self._storage, self._study, directory)
        return directory

    def _key(self, sentences: Sequence[Sentence | Text], *, labels: Sequence[str]) -> str:
        return content_key(
            kind="features",
            encoder=self._encoder.digest,
            sentences=digest(sentences),
            labels=list(labels),
            max_length=self._max_length,
            # Sets that were stored before there was a choice keep their keys.
            **({} if self._label_at == "first" else {"label_at": self._label_at}),
        )
