"""Entity-level precision, recall and F1 (Eq. 16) from seqeval's entities, and entity spans for error analysis.

Labels are BIO2: `O`, `B-TYPE`, `I-TYPE`. Predictions are valid BIO2; gold labels may hold an `I-TYPE` that continues no
entity. seqeval's default mode reads it as conlleval, the CoNLL shared tasks' scorer, does:

- `I-X` at the beginning of a sentence, after `O` or after an entity of another type *begins* an entity of type X.
  `O I-PER I-PER` is one entity of two tokens, `B-PER I-LOC` is two entities.
- `I-X` after `B-X` or `I-X` continues the entity; `B-X` always begins a new one.
- Entities end with their sentence.

A predicted entity is correct if a gold entity has the same type, first and last token. Totals are over all entities
(micro average).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

Labels = Sequence[Sequence[str]]
"""BIO labels, one sequence per sentence."""
Span = tuple[str, int, int]
"""Type, first token, token after the last. The spans of one label sequence never overlap."""


@dataclass(frozen=True, kw_only=True)
class TypeScores:
    """Counts of entities and their precision, recall and F1, each in 0..1 and 0 where undefined."""

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
        # seqeval computes 2PR / (P + R), which rounds twice more and so differs in the last bit.
        return 2 * self.correct / (self.gold + self.predicted) if self.correct else 0.0


@dataclass(frozen=True, kw_only=True)
class EntityScores(TypeScores):
    """Scores over all entities and per type."""

    per_type: Mapping[str, TypeScores]
    """Every type that occurs in gold or predicted labels, in alphabetical order."""


def entity_scores(gold: Labels, predicted: Labels) -> EntityScores:
    """Score predicted against gold labels with seqeval's entity extraction.

    >>> scores = entity_scores([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "O", "O"]])
    >>> scores.precision, scores.recall, round(scores.f1, 3), scores.per_type["LOC"].f1
    (1.0, 0.5, 0.667, 0.0)

    Raises:
        ValueError: the numbers of sentences or of a sentence's labels differ, or a label is not BIO2.
    """
    # Imported late: training without scoring runs where seqeval and scikit-learn are not installed.
    from seqeval.metrics.sequence_labeling import get_entities

    in_gold: Counter[str] = Counter()
    in_predicted: Counter[str] = Counter()
    in_both: Counter[str] = Counter()
    for pair in _sentence_pairs(gold, predicted):
        for label in {*pair[0], *pair[1]}:
            _split_label(label)  # seqeval also accepts other schemes' labels
        gold_entities, predicted_entities = (set(get_entities(list(labels))) for labels in pair)
        in_gold.update(name for name, _, _ in gold_entities)
        in_predicted.update(name for name, _, _ in predicted_entities)
        in_both.update(name for name, _, _ in gold_entities & predicted_entities)
    return EntityScores(
        gold=in_gold.total(),
        predicted=in_predicted.total(),
        correct=in_both.total(),
        per_type={
            name: TypeScores(gold=in_gold[name], predicted=in_predicted[name], correct=in_both[name])
            for name in sorted(in_gold.keys() | in_predicted.keys())
        },
    )


def sentence_spans(gold: Labels, predicted: Labels) -> Iterator[tuple[list[Span], list[Span]]]:
    """Yield the gold and the predicted entities of each sentence, both in order, for error analysis.

    Raises:
        ValueError: the numbers of sentences or of a sentence's labels differ, or a label is not BIO.
    """
    for gold_labels, predicted_labels in _sentence_pairs(gold, predicted):
        yield entities(gold_labels), entities(predicted_labels)


def entities(labels: Sequence[str]) -> list[Span]:
    """Extract the entities of one sentence, in order.

    >>> entities(["O", "I-PER", "I-PER", "I-LOC", "B-LOC"])
    [('PER', 1, 3), ('LOC', 3, 4), ('LOC', 4, 5)]

    Raises:
        ValueError: a label is not `O`, `B-TYPE` or `I-TYPE`.
    """
    found: list[Span] = []
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


def _sentence_pairs(gold: Labels, predicted: Labels) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield each sentence's gold and predicted labels. Raises ValueError if their numbers differ."""
    if len(gold) != len(predicted):
        raise ValueError(f"expected {len(gold)} predicted sentences, one per gold sentence, found {len(predicted)}")
    for index, pair in enumerate(zip(gold, predicted, strict=True)):
        if len(pair[0]) != len(pair[1]):
            raise ValueError(f"sentence {index}: expected {len(pair[0])} predicted labels, found {len(pair[1])}")
        yield pair


@lru_cache(maxsize=4096)
def _split_label(label: str) -> tuple[bool, str]:
    """Return whether a label always begins an entity, and its type ("" for `O`)."""
    if label == "O":
        return False, ""
    prefix, _, entity_type = label.partition("-")
    if prefix not in ("B", "I") or not entity_type:
        raise ValueError(f"label {label!r} is not O, B-TYPE or I-TYPE")
    return prefix == "B", entity_type
