"""Corpora and encoder of a search: encoded once and cached by a hash of their content."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from msd_ray.common.errors import UserError
from msd_ray.common.manifest import FileDigest
from msd_ray.data.catalogue import DATASETS, DEFAULT_SOURCE, joined
from msd_ray.data.encode import LabelAt
from msd_ray.data.encoders.cache import file_digest
from msd_ray.data.encoders.files import EncoderFiles, content_files
from msd_ray.data.gold import load_target_gold
from msd_ray.data.load import SourceCorpus, TargetCorpus, load_dev, load_sources, load_target, load_test, subset
from msd_ray.data.locate import has_test
from msd_ray.data.own import (
    ScoredSentences,
    load_own_scored,
    load_own_source,
    load_own_source_dev,
    load_own_target,
)
from msd_ray.data.own_files import OwnFiles
from msd_ray.data.sentences import Sentence, Text, digest
from msd_ray.data.store import save_words
from msd_ray.method.decoding import Decode
from msd_ray.method.settings import SelectOn, dev_language
from msd_ray.storage.artifacts import create_if_missing
from msd_ray.storage.layout import Storage
from msd_ray.storage.transfer import upload_files
from msd_ray.storage.uses import mark_used

from .features import Features
from .plans import Corpora, Experiment, Scored


@dataclass(frozen=True, kw_only=True)
class Data:
    """Where sentences come from, and how many are used.

    Args:
        dataset: name in the catalogue.
        lang: target language, as in the catalogue.
        sources: source languages, whose sentences are one corpus.
        directory: directory of the data set's files; None if it needs none.
        limit: maximum number of training sentences per language; None: all.
        target_limit: the same of the target's raw text; None: `limit`.
        max_length: tokens per sentence.
        select_on: the dev set whose labels are read before the final runs.
        dev_limit: maximum number of dev sentences that score a trial; None: all.
        decode: decoding method, see `method.decoding`.
        label_at: the sub-token that carries a word's label, see `data.encode`.
        own: the user's own files, in place of a data set of the catalogue.
    """

    dataset: str
    lang: str
    sources: tuple[str, ...] = (DEFAULT_SOURCE,)
    directory: Path | None
    limit: int | None
    max_length: int
    select_on: SelectOn = "target"
    dev_limit: int | None = None
    decode: Decode = "argmax"
    label_at: LabelAt = "first"
    target_limit: int | None = None
    own: OwnFiles | None = None

    @property
    def source(self) -> str:
        """The source languages, joined by `+`."""
        return joined(self.sources)

    @property
    def text_limit(self) -> int | None:
        """Maximum number of sentences of the target's raw text; None: all."""
        return self.limit if self.target_limit is None else self.target_limit

    @property
    def direction(self) -> str:
        """`en to ar`."""
        return f"{self.source} to {self.lang}"


@dataclass(frozen=True, kw_only=True)
class ReadCorpora:
    """Sentences of a search: no test set, and the target's dev set only if it selects."""

    source: SourceCorpus
    target: TargetCorpus
    select_on: SelectOn = "target"

    @property
    def parts(self) -> dict[str, Sequence[Sentence | Text]]:
        """The sentences by part: source_train, target_train (without labels), and the dev set that scores trials."""
        return {"source_train": self.source.train, "target_train": self.target.train, self.dev_name: self.dev}

    @property
    def dev_name(self) -> str:
        """`target_dev` or `source_dev`."""
        return f"{dev_language(self.select_on)}_dev"

    @property
    def dev(self) -> tuple[Sentence, ...]:
        """Labelled sentences that score trials and final runs."""
        return self.target.dev if dev_language(self.select_on) == "target" else self.source.dev

    @cached_property
    def digests(self) -> dict[str, str]:
        """Hash of the sentences of each part."""
        return {name: digest(sentences) for name, sentences in self.parts.items()}

    @property
    def counts(self) -> dict[str, int]:
        """Number of sentences of each part."""
        return {name: len(sentences) for name, sentences in self.parts.items()}


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Encoded corpora.

    Args:
        experiment: what all trials share.
        digests: hash of the sentences of each part.
        sentences: number of sentences of each part.
    """

    experiment: Experiment
    digests: dict[str, str]
    sentences: dict[str, int]


def read(data: Data) -> ReadCorpora:
    """Read everything except the test set, whose form `scored_files` checks; writes nothing.

    Raises:
        UserError: a file is missing or malformed; the message names file and line.
    """
    dev = dev_language(data.select_on) == "target"
    if data.own is not None:
        source = load_own_source(data.own, data.source, limit=data.limit)
        target = load_own_target(data.own, data.lang, source.labels, limit=data.text_limit, dev=dev)
        return ReadCorpora(source=source, target=target, select_on=data.select_on)
    # The target first: an unknown language is detected before the source is read.
    target = load_target(data.dataset, data.lang, data.directory, limit=data.text_limit, dev=dev)
    source = load_sources(data.dataset, data.directory, langs=data.sources, limit=data.limit)
    return ReadCorpora(source=source, target=target, select_on=data.select_on)


def prepare(
    data: Data, corpora: ReadCorpora, encoder: EncoderFiles, storage: Storage, *, study: str | None = None
) -> Prepared:
    """Encode the corpora into the storage unless they are stored, and record their use by the study.

    Raises:
        UserError: the storage is not writable, or the encoder has no suitable tokenizer.
    """
    features = Features(
        encoder=encoder,
        names=corpora.source.labels,
        storage=storage,
        max_length=data.max_length,
        label_at=data.label_at,
        study=study,
    )
    with storage.writing():
        keys = Corpora(
            label_names=features.names,
            pad_id=features.pad_id,
            source_train=features.labelled(corpora.source.train),
            target_train=features.unlabelled(corpora.target.train),
            dev=features.labelled(subset(corpora.dev, data.dev_limit)),
            final_dev=features.labelled(corpora.dev),
        )
    _publish_encoder(encoder, storage, study)
    return Prepared(
        experiment=Experiment(
            storage=storage, encoder=encoder, corpora=keys, select_on=data.select_on, decode=data.decode, study=study
        ),
        digests=corpora.digests,
        sentences=corpora.counts,
    )


def prepare_test(data: Data, prepared: Prepared, *, source: bool = False) -> Scored:
    """Read and encode what final runs are scored on: the test set, or the dev set of a corpus without one.

    Test labels are kept only here, and only the final phase calls this function.

    Args:
        data: the data set and the target language.
        prepared: the encoded training and dev sentences.
        source: whether to read the source's test set, too, for runs whose teacher tags both languages.
    """
    target = _scored(_scored_target(data, prepared), data, prepared)
    if not source:
        return target
    return replace(target, source=_scored(_scored_source(data), data, prepared))


def prepare_target_gold(data: Data, prepared: Prepared) -> str:
    """Read and encode the target's training sentences with gold labels, for the control `gold-aux` only.

    Raises:
        UserError: as `read` does, or a label in the training file is unknown.
    """
    if data.own is not None:
        raise UserError("the variant gold-aux needs labels of the target text, and of own files none are read.")
    gold = load_target_gold(data.dataset, data.lang, data.directory, limit=data.text_limit)
    with prepared.experiment.storage.writing():
        return _features(data, prepared).labelled(gold)


def _features(data: Data, prepared: Prepared) -> Features:
    return Features.of(prepared.experiment, max_length=data.max_length, label_at=data.label_at)


def _publish_encoder(encoder: EncoderFiles, storage: Storage, study: str | None) -> None:
    """Upload the encoder to the object store, if there is one, for nodes that do not have its directory."""
    if storage.store is None:
        return
    mark_used(storage, study, storage.encoder(encoder.digest))
    digests = {
        path.name: FileDigest(size=path.stat().st_size, sha256=file_digest(path))
        for path in content_files(encoder.directory)
    }
    upload_files(storage.store, storage.name(storage.encoder(encoder.digest)), encoder.directory, digests)


def _scored(found: ScoredSentences, data: Data, prepared: Prepared) -> Scored:
    """Encode the sentences that are scored; stores their words for error analysis."""
    storage = prepared.experiment.storage
    test = found.sentences
    with storage.writing():
        features = _features(data, prepared).labelled(test)
        scored = Scored(split=found.split, features=features, lang=found.lang)
        words = storage.words(scored.features)
        mark_used(storage, prepared.experiment.study, words)
        with create_if_missing(storage, words) as wanted:
            if wanted:
                save_words(test, words)
    return scored


def _scored_target(data: Data, prepared: Prepared) -> ScoredSentences:
    if data.own is not None:
        return load_own_scored(data.own, data.lang, prepared.experiment.corpora.label_names, source=data.source)
    return _scored_sentences(data, [data.lang])


def _scored_source(data: Data) -> ScoredSentences:
    if data.own is not None:
        return load_own_source_dev(data.own, data.source)
    return _scored_sentences(data, data.sources)


def _scored_sentences(data: Data, langs: Sequence[str]) -> ScoredSentences:
    """The test sentences of all languages; their dev sentences if one has no test set."""
    tested = all(has_test(DATASETS[data.dataset], lang, data.directory) for lang in langs)
    split: Literal["test", "dev"] = "test" if tested else "dev"
    load = load_test if tested else load_dev
    sentences = tuple(sentence for lang in langs for sentence in load(data.dataset, lang, data.directory))
    return ScoredSentences(split=split, lang="target", sentences=sentences)
