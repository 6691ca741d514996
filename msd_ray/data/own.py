"""Load a user's own corpora: labelled source sentences, unlabelled target text, and optional target dev and test sets.

Zero-shot: of the target text no reader reads labels. Only `load_own_scored` opens the test file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from msd_ray.common.errors import UserError

from .catalogue import OWN
from .label_schemes import bio2_labels, entity_types, to_bio2
from .load import SourceCorpus, TargetCorpus, subset, subset_positions
from .own_files import OwnFiles, read_rows, read_text, train_and_dev
from .sentences import Sentence
from .words import rule_of_tokens

HELD_OUT = 10
"""One in so many source sentences is held out as the dev set if there is none."""
UNICODE_NOTE = "raw text, split into words by the rules of Unicode"


@dataclass(frozen=True, kw_only=True)
class ScoredSentences:
    """The sentences that final runs are scored on. lang: `source` if the target has no labels at all."""

    split: Literal["test", "dev"]
    lang: Literal["target", "source"]
    sentences: tuple[Sentence, ...]


def load_own_source(files: OwnFiles, lang: str, *, limit: int | None = None) -> SourceCorpus:
    """Load the source sentences; the entity types are those of all training files.

    Raises:
        UserError: a file is missing or malformed, has no entity or labels that are not BIO2, IOB1, IOBES or BILOU, or
            the dev file has other entity types.
    """
    found = [train_and_dev(source) for source in files.source]
    train_paths = [path for path, _ in found]
    dev_paths = [files.source_dev] if files.source_dev else [path for _, path in found if path is not None]
    train, notes = _read_all(train_paths, lang)
    labels = bio2_labels(entity_types(train))
    if dev_paths:
        dev, note = _read_all(dev_paths, lang, labels=labels, labels_of=train_paths)
    else:
        train, dev, note = _hold_out(train, train_paths)
    return SourceCorpus(
        dataset=OWN,
        lang=lang,
        train=subset(train, limit),
        dev=dev,
        labels=labels,
        files=tuple(map(str, (*train_paths, *dev_paths))),
        notes=(*notes, *note),
    )


def load_own_target(
    files: OwnFiles, lang: str, labels: Sequence[str], *, limit: int | None = None, dev: bool = True
) -> TargetCorpus:
    """Load the target text without labels, and the dev sentences if `dev`.

    Args:
        files: where they are.
        lang: language code.
        labels: those of the source.
        limit: size of a fixed random subset of the text; None: all.
        dev: whether to read the dev sentences, which must then exist.

    Raises:
        UserError: a file is missing or malformed, raw text has labels, or the dev file has other entity types.
    """
    text, is_raw = read_text(files.target_text, lang)
    sentences: tuple[Sentence, ...] = ()
    notes: tuple[str, ...] = (f"{files.target_text.name}: {UNICODE_NOTE if is_raw else 'only tokens were read'}",)
    if dev:
        if files.target_dev is None:
            raise UserError(
                "selecting on the target needs labelled sentences. Give --target-dev, or --select-on source."
            )
        sentences, note = _read(files.target_dev, lang, labels=labels, labels_of=files.source)
        notes = (*notes, *note)
    for path in (files.target_dev, files.target_test):
        if path is not None and not path.is_file():
            raise UserError(f"{path}: is not a file. Give a file of labelled sentences.")
    return TargetCorpus(
        dataset=OWN,
        lang=lang,
        train=subset(text.texts, limit),
        dev=sentences,
        has_test=files.target_test is not None,
        has_dev=files.target_dev is not None,
        word_rule="unicode" if is_raw else rule_of_tokens(text.texts),
        files=(str(files.target_text), *([str(files.target_dev)] if dev else [])),
        notes=notes,
    )


def load_own_scored(files: OwnFiles, lang: str, labels: Sequence[str], *, source: str) -> ScoredSentences:
    """Load what final runs are scored on: the target's test or dev set, or the source's dev set without target labels.

    source: language code of the source.

    Raises:
        UserError: as `load_own_target`.
    """
    path = files.target_test or files.target_dev
    if path is None:
        return load_own_source_dev(files, source)
    sentences, _ = _read(path, lang, labels=labels, labels_of=files.source)
    return ScoredSentences(split="test" if files.target_test else "dev", lang="target", sentences=sentences)


def load_own_source_dev(files: OwnFiles, lang: str) -> ScoredSentences:
    """Load the source's dev set to score final runs on.

    Raises:
        UserError: as `load_own_source`.
    """
    return ScoredSentences(split="dev", lang="source", sentences=load_own_source(files, lang).dev)


def _read_all(
    paths: Sequence[Path], lang: str, *, labels: Sequence[str] | None = None, labels_of: Sequence[Path] = ()
) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    """Read several files, each in its own label scheme, one after another, as `_read`."""
    sentences, notes = zip(*(_read(path, lang, labels=labels, labels_of=labels_of) for path in paths), strict=True)
    return tuple(chain.from_iterable(sentences)), tuple(chain.from_iterable(notes))


def _read(
    path: Path, lang: str, *, labels: Sequence[str] | None = None, labels_of: Sequence[Path] = ()
) -> tuple[tuple[Sentence, ...], tuple[str, ...]]:
    """Read labelled sentences in BIO2, and a note if they were converted.

    labels: the permitted ones, those of the files `labels_of`; None: any.
    """
    file = read_rows(path, lang)
    sentences, scheme = to_bio2(file)
    if not any(label != "O" for sentence in sentences for label in sentence.labels):
        raise UserError(f"{path}: every label is O. Give sentences with labelled entities.")
    if labels is not None:
        types = {label[2:] for label in labels}
        for label, where in file.labels():
            if label[2:] not in types:
                raise UserError(
                    f"{where}: entity type {label[2:]} does not occur in {_listed(labels_of)}, which has "
                    f"{', '.join(sorted(types - {''}))}. Map it to one of these, or to O."
                )
    note = () if scheme == "BIO2" else (f"{path.name}: labels in {scheme}, converted to BIO2",)
    return sentences, note


def _hold_out(
    sentences: tuple[Sentence, ...], paths: Sequence[Path]
) -> tuple[tuple[Sentence, ...], tuple[Sentence, ...], tuple[str, ...]]:
    """Split off a fixed random tenth as the dev set; also returns the note that says so."""
    if len(sentences) < HELD_OUT:
        raise UserError(
            f"{_listed(paths)}: {len(sentences)} sentences are too few to hold out a tenth as the dev set. "
            "Give --source-dev."
        )
    held_out = subset_positions(len(sentences), len(sentences) // HELD_OUT)
    train = tuple(sentence for place, sentence in enumerate(sentences) if place not in held_out)
    dev = tuple(sentence for place, sentence in enumerate(sentences) if place in held_out)
    if not entity_types(dev):
        raise UserError(f"{_listed(paths)}: the tenth held out as the dev set has no entity. Give --source-dev.")
    names = ", ".join(path.name for path in paths)
    note = f"source dev: {len(dev):,} of {len(sentences):,} sentences of {names}, a fixed random tenth, held out"
    return train, dev, (note,)


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))
