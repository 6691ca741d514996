"""Sentences with their gold and predicted entities, each entity with a verdict, and a ranking of the worst sentences.

The verdicts are those of partial-match scoring (Segura-Bedmar et al., SemEval-2013 task 9: strict, boundary and type
matches). They are words, so that the page does not rely on colour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from msd_ray.method.entity_scores import Span, entities
from msd_ray.tracking.artifacts import Predictions

SHOWN = 30
"""Default number of sentences in a list of the worst."""
Verdict = Literal["correct", "boundary", "type", "boundary and type", "missed", "spurious"]


@dataclass(frozen=True, kw_only=True)
class TaggedSentence:
    """A sentence of T tokens with T gold and T predicted BIO labels, and a remark that is shown with it."""

    tokens: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    remark: str = ""

    def __post_init__(self) -> None:
        if not len(self.tokens) == len(self.gold) == len(self.predicted):
            counts = f"{len(self.gold)} gold and {len(self.predicted)} predicted labels"
            raise ValueError(f"tagged sentence: expected {len(self.tokens)} labels, one per token, found {counts}")


@dataclass(frozen=True, kw_only=True)
class SentenceList:
    """Sentences of one language under a title. lang: its BCP 47 code, "" if unknown."""

    title: str
    sentences: tuple[TaggedSentence, ...]
    lang: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of text; type and verdict are None outside of entities."""

    text: str
    type: str | None = None
    verdict: Verdict | None = None


def gold_pieces(sentence: TaggedSentence) -> tuple[Piece, ...]:
    """Split the sentence at its gold entities, each with its verdict against the prediction.

    >>> [(p.text, p.verdict) for p in gold_pieces(TaggedSentence(tokens=("In", "Bonn"), gold=("O", "B-LOC"),
    ...                                                          predicted=("O", "O")))]
    [('In ', None), ('Bonn', 'missed')]

    Raises:
        ValueError: a label is not BIO.
    """
    gold, predicted = entities(sentence.gold), entities(sentence.predicted)
    return tuple(_pieces(sentence.tokens, [(span, verdict(span, predicted, "missed")) for span in gold]))


def predicted_pieces(sentence: TaggedSentence) -> tuple[Piece, ...]:
    """Split the sentence at its predicted entities, each with its verdict against the gold labels.

    Raises:
        ValueError: a label is not BIO.
    """
    gold, predicted = entities(sentence.gold), entities(sentence.predicted)
    return tuple(_pieces(sentence.tokens, [(span, verdict(span, gold, "spurious")) for span in predicted]))


def verdict(span: Span, others: Sequence[Span], unmatched: Literal["missed", "spurious"]) -> Verdict:
    """Return the verdict of an entity's best match among the other side's; `unmatched` if it overlaps with none."""
    if span in others:
        return "correct"
    kind, start, end = span
    overlapping = [other for other in others if other[1] < end and start < other[2]]
    if not overlapping:
        return unmatched
    if any(other[1:] == (start, end) for other in overlapping):
        return "type"
    return "boundary" if any(other[0] == kind for other in overlapping) else "boundary and type"


def worst_sentences(predictions: Predictions, *, title: str, lang: str, shown: int = SHOWN) -> SentenceList:
    """Return the sentences with the most wrong entities; ties are broken by length, then by position.

    Wrong entities are gold entities without an exact match, and predicted entities that are not gold.
    """
    ranked = []
    for number, (tokens, gold, predicted) in enumerate(
        zip(predictions.tokens, predictions.gold, predictions.predicted, strict=True)
    ):
        wrong = len(set(entities(gold)) ^ set(entities(predicted)))
        if wrong:
            ranked.append((-wrong, len(tokens), number))
    sentences = tuple(
        TaggedSentence(
            tokens=predictions.tokens[number],
            gold=predictions.gold[number],
            predicted=predictions.predicted[number],
            remark=f"sentence {number + 1}, {-wrong} wrong"
            + (", also in the training text" if predictions.repeated[number] else ""),
        )
        for wrong, _, number in sorted(ranked)[:shown]
    )
    return SentenceList(title=title, lang=lang, sentences=sentences)


def join(tokens: Sequence[str]) -> str:
    """Join tokens with spaces, except between characters of scripts that are written without spaces.

    >>> join(["Bonn", "am", "Rhein"]), join(["北", "京", "2008", "年"])
    ('Bonn am Rhein', '北京2008年')
    """
    return "".join(f"{gap}{token}" for gap, token in zip(_gaps(tokens), tokens, strict=True))


def _pieces(tokens: Sequence[str], verdicts: Sequence[tuple[Span, Verdict]]) -> Iterator[Piece]:
    gaps = _gaps(tokens)
    position = 0
    for (kind, start, end), span_verdict in verdicts:
        # The gap before an entity goes to the preceding text, so that no mark begins with a space.
        outside = f"{_text(tokens, gaps, position, start)}{gaps[start]}"
        if outside:
            yield Piece(text=outside)
        yield Piece(text=join(tokens[start:end]), type=kind, verdict=span_verdict)
        position = end
    if position < len(tokens):
        yield Piece(text=_text(tokens, gaps, position, len(tokens)))


def _text(tokens: Sequence[str], gaps: Sequence[str], start: int, end: int) -> str:
    return "".join(f"{gaps[index]}{tokens[index]}" for index in range(start, end))


def _gaps(tokens: Sequence[str]) -> list[str]:
    """Return the text before each token: a space or nothing."""
    between = ["" if _unspaced(left[-1:]) or _unspaced(right[:1]) else " " for left, right in pairwise(tokens)]
    return ["", *between][: len(tokens)]


def _unspaced(character: str) -> bool:
    """Return whether a character belongs to a script without spaces: Chinese, Japanese (with punctuation), Thai."""
    return any(
        first <= character <= last
        for first, last in (("\u0e00", "\u0e7f"), ("\u3000", "\u30ff"), ("\u3400", "\u9fff"), ("\uff01", "\uff60"))
    )
