"""Output formats of the command: a tagged text to one line or several."""

import json
from collections.abc import Callable, Mapping

from msd_ray.common.text import in_json, visible

from .tagger import TaggedText

SCORE_DIGITS = 4

Write = Callable[[TaggedText], str]


def jsonl(tagged: TaggedText) -> str:
    """One JSON object: tokens, labels, entities with offsets in tokens and in characters."""
    found = [
        {
            "type": label,
            "start": start,
            "end": end,
            "text": entity.text,
            "start_char": entity.start,
            "end_char": entity.end,
            "score": round(entity.score, SCORE_DIGITS),
        }
        for label, start, end in tagged.word_entities
        for entity in (tagged.entity(label, start, end),)
    ]
    row = {"tokens": tagged.tokens, "labels": tagged.labels, "entities": found}
    return in_json(json.dumps(row, ensure_ascii=False)) + "\n"


def conll(tagged: TaggedText) -> str:
    """Token, tab, label per line; a blank line at the end."""
    return "".join(f"{token}\t{label}\n" for token, label in zip(tagged.tokens, tagged.labels, strict=True)) + "\n"


def text(tagged: TaggedText) -> str:
    """The text with each entity in brackets, its type first.

    >>> spans = ((0, 6), (7, 13), (14, 19))
    >>> labels = ("B-PER", "I-PER", "O")
    >>> print(text(TaggedText(text="Angela Merkel spoke", spans=spans, labels=labels, scores=(1.0, 1.0, 1.0))), end="")
    [PER Angela Merkel] spoke
    """
    parts, end = [], 0
    for entity in tagged.entities:
        parts += [tagged.text[end : entity.start], f"[{entity.label} {entity.text}]"]
        end = entity.end
    return "".join([*parts, tagged.text[end:], "\n"])


FORMATS: Mapping[str, Write] = {"jsonl": jsonl, "conll": conll, "text": text}


def for_terminal(write: Write) -> Write:
    """The format with control characters escaped, which a terminal would interpret."""
    return lambda tagged: visible(write(tagged))
