"""What every reader yields: labelled sentences, unlabelled texts, and a digest of their content.

Zero-shot by type: training text of a target language is `Text`, which has no field for labels, so whatever is
built on it cannot see any.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sentence:
    """A labelled sentence: one BIO2 label (`O`, `B-PER`, `I-PER`, ...) for each token."""

    tokens: tuple[str, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a sentence without tokens, or with more or fewer labels than tokens."""
        if not self.tokens or len(self.tokens) != len(self.labels):
            raise ValueError(f"{len(self.tokens)} tokens and {len(self.labels)} labels: {self.tokens[:5]} ...")


@dataclass(frozen=True, slots=True)
class Text:
    """An unlabelled sentence."""

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a text without tokens."""
        if not self.tokens:
            raise ValueError("a text needs at least one token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The sentences of a split, the file they come from, and how many `-DOCSTART-` lines it held."""

    sentences: tuple[Sentence, ...]
    documents: int = 0
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """The texts of a split and the file they come from."""

    texts: tuple[Text, ...]
    path: Path | None = None


def digest(sentences: Sequence[Sentence | Text]) -> str:
    """SHA-256 (hex) over the content in its order: tokens, and labels where there are any.

    Every item is preceded by its length, so no two different sequences share an encoding. A `Text` and a
    `Sentence` with the same tokens differ, and the digest of `Text` depends on tokens alone.
    """
    sha = hashlib.sha256()
    for sentence in sentences:
        columns = (sentence.tokens, sentence.labels) if isinstance(sentence, Sentence) else (sentence.tokens,)
        parts = [f"{len(columns)} {len(sentence.tokens)}"]
        parts.extend(f"{len(item)} {item}" for column in columns for item in column)
        sha.update("\n".join(parts).encode() + b"\n")
    return sha.hexdigest()
