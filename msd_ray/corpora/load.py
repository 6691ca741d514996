"""From the name of a data set and a language to its sentences: what the rest of the package calls."""

from dataclasses import dataclass
from pathlib import Path

from msd_ray.corpora.sentences import Sentence, Text


@dataclass(frozen=True, kw_only=True)
class SourceCorpus:
    """Labelled training and development sentences of the source language. `files`: where they were read from."""

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
