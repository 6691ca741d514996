"""Entity-level precision, recall and F1 (Eq. 16), counted as the CoNLL scorer conlleval does.

Labels are BIO2: `O`, `B-TYPE`, `I-TYPE`. Taggers also predict sequences that BIO2 does not allow, and the score
depends on how these are read. Like conlleval, this module reads them leniently:

- `I-X` at the beginning of a sentence, after `O` or after an entity of another type *begins* an entity of
  type X; nothing is discarded. `O I-PER I-PER` is one entity of two tokens, `B-PER I-LOC` is two entities.
- `I-X` after `B-X` or `I-X` continues the entity; `B-X` always begins a new one.
- Entities end at the end of their sentence.

A predicted entity is correct if a gold entity has the same type, first and last token. Totals are micro averages over
all entities.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, kw_only=True)
class TypeScores:
    """Entity counts and scores of one type; scores are in 0..1, and 0 where undefined."""

    gold: int
    """Entities in the gold labels."""
    predicted: int
    """Entities in the predicted labels."""
    correct: int
    """Entities in both."""

    @property
    def precision(self) -> float:
        """Share of the predicted entities that are correct."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold entities that are found."""
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall (Eq. 16)."""
        return 2 * self.correct / (self.gold + self.predicted) if self.correct else 0.0


@dataclass(frozen=True, kw_only=True)
class EntityScores(TypeScores):
    """Scores over all entities and per type."""

    per_type: Mapping[str, TypeScores]
    """Every type that occurs in gold or predicted labels, in alphabetical order."""


def entity_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> EntityScores:
    """Compare predicted with gold labels, one label sequence per sentence.

    >>> scores = entity_scores([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "O", "O"]])
    >>> scores.precision, scores.recall, round(scores.f1, 3), scores.per_type["LOC"].f1
    (1.0, 0.5, 0.667, 0.0)

    Raises:
        ValueError: the numbers of sentences or of a sentence's labels differ, or a label is not BIO2.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold sentences but {len(predicted)} predicted ones")
    in_gold: Counter[str] = Counter()
    in_predicted: Counter[str] = Counter()
    in_both: Counter[str] = Counter()
    for index, (gold_labels, predicted_labels) in enumerate(zip(gold, predicted, strict=True)):
        if len(gold_labels) != len(predicted_labels):
            counts = f"{len(gold_labels)} gold labels but {len(predicted_labels)} predicted ones"
            raise ValueError(f"sentence {index} has {counts}")
        gold_entities, predicted_entities = entities(gold_labels), entities(predicted_labels)
        in_gold.update(entity[0] for entity in gold_entities)
        in_predicted.update(entity[0] for entity in predicted_entities)
        in_both.update(entity[0] for entity in set(gold_entities).intersection(predicted_entities))
    return EntityScores(
        gold=in_gold.total(),
        predicted=in_predicted.total(),
        correct=in_both.total(),
        per_type={
            name: TypeScores(gold=in_gold[name], predicted=in_predicted[name], correct=in_both[name])
            for name in sorted(in_gold.keys() | in_predicted.keys())
        },
    )


def entities(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Entities of one sentence as (type, first token, token after the last), in order.

    >>> entities(["O", "I-PER", "I-PER", "I-LOC", "B-LOC"])
    [('PER', 1, 3), ('LOC', 3, 4), ('LOC', 4, 5)]

    Raises:
        ValueError: a label is not `O`, `B-TYPE` or `I-TYPE`.
    """
    found: list[tuple[str, int, int]] = []
    current, start = "", 0  # type of the open entity, "" outside of one
    for position, label in enumerate(labels):
        begins, entity_type = _split_label(label)
        if begins or entity_type != current:
            if current:
                found.append((current, start, position))
            current, start = entity_type, position
    if current:
        found.append((current, start, len(labels)))
    return found


@lru_cache(maxsize=4096)
def _split_label(label: str) -> tuple[bool, str]:
    """Whether a label always begins an entity, and its type ("" for `O`)."""
    if label == "O":
        return False, ""
    prefix, _, entity_type = label.partition("-")
    if prefix not in ("B", "I") or not entity_type:
        raise ValueError(f"label {label!r} is not O, B-TYPE or I-TYPE")
    return prefix == "B", entity_type
