"""Gold and predicted entities, sentence by sentence."""

from collections.abc import Iterator, Sequence

from msd_ray.method.entity_scores import entities

Span = tuple[str, int, int]
"""Type, first token, token after the last; the spans of one labelling never overlap."""


def sentence_spans(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> Iterator[tuple[list[Span], list[Span]]]:
    """The entities of each sentence's gold and predicted labels, both from left to right.

    Raises:
        ValueError: the numbers of sentences or of a sentence's labels differ, or a label is not BIO.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold sentences but {len(predicted)} predicted ones")
    for index, (gold_labels, predicted_labels) in enumerate(zip(gold, predicted, strict=True)):
        if len(gold_labels) != len(predicted_labels):
            counts = f"{len(gold_labels)} gold labels but {len(predicted_labels)} predicted ones"
            raise ValueError(f"sentence {index} has {counts}")
        yield entities(gold_labels), entities(predicted_labels)
