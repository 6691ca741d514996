"""Types of all readers: labelled sentences, unlabelled texts; and the hash of their content.

Zero-shot by type: training text of a target language is `Text`, which has no field for labels, so nothing built on it
can read any.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sentence:
    """A labelled sentence: one BIO2 label (`O`, `B-PER`, `I-PER`, ...) per token."""

    tokens: tuple[str, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Reject a sentence without tokens, or with a different number of labels."""
        if not self.tokens or len(self.tokens) != len(self.labels):
            raise ValueError(f"{len(self.tokens)} tokens and {len(self.labels)} labels: {self.tokens[:5]} ...")


@dataclass(frozen=True, slots=True)
class Text:
    """An unlabelled sentence."""

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        """Reject a text without tokens."""
        if not self.tokens:
            raise ValueError("a text needs at least one token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The labelled sentences of a split.

    Args:
        sentences: in the order of the file.
        documents: number of `-DOCSTART-` lines in the file.
        path: the file; None for the embedded sample.
        notes: how the file was read, where that is not as UTF-8, as sentences for people.
    """

    sentences: tuple[Sentence, ...]
    documents: int = 0
    path: Path | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """The texts of a split.

    Args:
        texts: in the order of the file.
        path: the file; None for the embedded sample.
        notes: as those of `Labelled`.
    """

    texts: tuple[Text, ...]
    path: Path | None = None
    notes: tuple[str, ...] = ()


def digest(sentences: Sequence[Sentence | Text]) -> str:
    """SHA-256 (hexadecimal) of the sentences in order: tokens, and labels if there are any.

    Every item is preceded by its length, so different sequences have different encodings. A `Text` and a `Sentence`
    with the same tokens differ; the hash of `Text` depends on tokens only.
    """
    sha = hashlib.sha256()
    for sentence in sentences:
        columns = (sentence.tokens, sentence.labels) if isinstance(sentence, Sentence) else (sentence.tokens,)
        parts = [f"{len(columns)} {len(sentence.tokens)}"]
        parts.extend(f"{len(item)} {item}" for column in columns for item in column)
        sha.update("\n".join(parts).encode() + b"\n")
    return sha.hexdigest()
