"""Labelled sentences as a file has them: in any label scheme, with the place of every label for messages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msd_ray.common.errors import UserError

from .sentences import Text, Unlabelled
from .text_file import stray_character

LONGEST_SENTENCE = 2_000
"""Words of a sentence; a longer one is a file whose sentences are not separated."""


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled sentence. place: where it begins, a line from 1, or in Parquet a row from 0."""

    tokens: tuple[str, ...]
    labels: tuple[str, ...]
    place: int


@dataclass(frozen=True, kw_only=True)
class RowFile:
    """The labelled sentences of a file. token_lines: whether every token has a line of its own."""

    path: Path
    rows: tuple[Row, ...]
    token_lines: bool = False

    @property
    def label_rows(self) -> list[tuple[str, ...]]:
        """The labels of every sentence."""
        return [row.labels for row in self.rows]

    def where(self, row: Row, position: int = 0) -> str:
        """The place of a token, as messages begin."""
        if self.path.suffix == ".parquet":
            return f"{self.path}: row {row.place}"
        return f"{self.path}:{row.place + position if self.token_lines else row.place}"

    def labels(self) -> Iterator[tuple[str, str]]:
        """Every label that occurs, once, and the place of its first occurrence."""
        seen: set[str] = set()
        for row in self.rows:
            for position, label in enumerate(row.labels):
                if label not in seen:
                    seen.add(label)
                    yield label, self.where(row, position)


def check_words(tokens: Sequence[str], where: str) -> None:
    """Check the words of a sentence.

    Raises:
        UserError: one is empty or has a character that no text has, or there are more than a sentence has.
    """
    if len(tokens) > LONGEST_SENTENCE:
        raise UserError(
            f"{where}: a sentence of {len(tokens):,} words; at most {LONGEST_SENTENCE:,} are read. Separate sentences "
            "(in columns by an empty line)."
        )
    if not all(token.strip() for token in tokens):
        raise UserError(f"{where}: a sentence with an empty word. Remove the word and its label.")
    stray = stray_character(" ".join(tokens))
    if stray is not None:
        raise UserError(f"{where}: a sentence with {stray}. Correct the word.")


def labelled_row(tokens: Sequence[str], labels: Sequence[str], place: int, where: str) -> Row:
    """One sentence of a file with lists of words and labels.

    Raises:
        UserError: as `check_words`, or there are not as many labels as words.
    """
    if len(tokens) != len(labels):
        raise UserError(f"{where}: {len(tokens)} `tokens` and {len(labels)} `ner_tags`. Give one label per token.")
    check_words(tokens, where)
    return Row(tuple(tokens), tuple(labels), place)


def row_file(path: Path, rows: Iterable[Row], *, token_lines: bool = False) -> RowFile:
    """The sentences of a file that are not empty. Raises UserError if there are none."""
    found = tuple(row for row in rows if row.tokens)
    if not found:
        raise nothing_in(path)
    return RowFile(path=path, rows=found, token_lines=token_lines)


def unlabelled_rows(path: Path, sentences: Iterable[tuple[str, Sequence[str]]]) -> Unlabelled:
    """The sentences of a file that are not empty, without labels.

    Args:
        path: the file.
        sentences: place for messages, and words of each sentence.

    Raises:
        UserError: as `check_words`, or there are no sentences.
    """
    texts = []
    for where, tokens in sentences:
        check_words(tokens, where)
        if tokens:
            texts.append(Text(tuple(tokens)))
    if not texts:
        raise nothing_in(path)
    return Unlabelled(texts=tuple(texts), path=path)


def nothing_in(path: Path) -> UserError:
    """The error for a file without a sentence."""
    return UserError(f"{path}: contains no sentence. Give a file with sentences.")
