"""The sentences that a student got most wrong, for people to read."""

from msd_ray.method.entity_scores import entities
from msd_ray.tracking.artifacts import Predictions

from .marked_sentences import SentenceList, TaggedSentence

SHOWN = 30


def worst_sentences(predictions: Predictions, *, title: str, lang: str, shown: int = SHOWN) -> SentenceList:
    """The sentences with the most wrong entities, of equal ones the shorter and the earlier first.

    Wrong are gold entities that were not found exactly, and predicted ones that are not gold.
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
