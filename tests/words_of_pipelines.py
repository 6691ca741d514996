"""Labels of words by a transformers pipeline alone; nothing of msd_ray is imported here.

As a program: the model's directory as argument, sentences as JSON on standard input, labels on standard output.
"""

import json
import sys
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

Words = Sequence[str]


MARK = "▁"


def labels_of_words(tagger: Any, sentences: Sequence[Words], *, skip: str | None = None) -> list[list[str]]:
    """The label of each word's first token, O for a word without one, after conlleval's reading of a stray `I-`.

    skip: a token that counts only in words without others.
    """
    filled = [list(words) for words in sentences if words]
    found = iter(tagger(filled, is_split_into_words=True, ignore_labels=[]) if filled else [])
    return [_repaired(_first_labels(words, next(found), skip)) if words else [] for words in sentences]


def _first_labels(words: Words, tokens: Sequence[dict[str, Any]], skip: str | None) -> list[str]:
    starts = [0, *accumulate(len(word) + 1 for word in words)]  # the pipeline joins words with a space
    labels: dict[int, str] = {}
    for token in sorted(tokens, key=lambda token: bool(token["word"] == skip)):
        labels.setdefault(bisect_right(starts, token["start"]) - 1, token["entity"])
    return [labels.get(word, "O") for word in range(len(words))]


def _repaired(labels: Sequence[str]) -> list[str]:
    return [
        f"B{label[1:]}" if label.startswith("I-") and before[2:] != label[2:] else label
        for before, label in zip(["O", *labels], labels, strict=False)
    ]


if __name__ == "__main__":
    sys.modules["msd_ray"] = None  # type: ignore[assignment]  # an import of it fails
    from transformers import pipeline

    json.dump(labels_of_words(pipeline("token-classification", sys.argv[1]), json.load(sys.stdin)), sys.stdout)
