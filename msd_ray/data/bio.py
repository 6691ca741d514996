"""Label schemes: conversion from IOB1 to BIO2, and entity counts.

IOB1 (CoNLL-2003): an entity begins with `I-`; with `B-` only directly after an entity of the same type.
BIO2 (all others): every entity begins with `B-`. Entities begin where conlleval says they do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .sentences import Sentence


@dataclass(frozen=True, slots=True)
class EntityCount:
    """Number of entities by the prefix of their first label; in clean BIO2 all begin with `B-`."""

    begin_b: int
    begin_i: int

    @property
    def total(self) -> int:
        """Number of entities as counted by conlleval."""
        return self.begin_b + self.begin_i


def entity_begins(labels: Sequence[str]) -> Iterator[int]:
    """Positions of labels that begin an entity: `B-`, or an `I-` that continues no entity of its type."""
    previous = "O"
    for position, label in enumerate(labels):
        if label != "O" and (label[0] == "B" or previous[1:] != label[1:]):
            yield position
        previous = label


def count_entities(sentences: Sequence[Sentence]) -> EntityCount:
    """Count the entities of all sentences."""
    begins = [sentence.labels[i][0] for sentence in sentences for i in entity_begins(sentence.labels)]
    return EntityCount(begin_b=begins.count("B"), begin_i=begins.count("I"))


def is_iob1(label_rows: Sequence[Sequence[str]]) -> bool:
    """Whether the labels of a whole file are IOB1.

    In IOB1 every `B-` follows an entity of its type; in BIO2 nearly every `I-` continues one. Real BIO2 files
    contain a few entities that begin with `I-` (WikiAnn zh, CoNLL es), so the majority decides.
    """
    begin_i = free_b = 0
    for labels in label_rows:
        for position in entity_begins(labels):
            if labels[position][0] == "I":
                begin_i += 1
            elif position == 0 or labels[position - 1][1:] != labels[position][1:]:
                free_b += 1
    return begin_i > free_b


def bio2(label_rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Convert the labels of a whole file to BIO2; BIO2 files are unchanged, irregular labels included."""
    if not is_iob1(label_rows):
        return list(label_rows)
    return [_begin_with_b(labels) for labels in label_rows]


def _begin_with_b(labels: tuple[str, ...]) -> tuple[str, ...]:
    begins = set(entity_begins(labels))
    return tuple(f"B{label[1:]}" if i in begins else label for i, label in enumerate(labels))
