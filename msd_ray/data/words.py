"""Split text into words: at white space, into characters, or by the rules of Unicode.

Unicode's word boundaries (https://www.unicode.org/reports/tr29/, default rules) keep words of scripts with spaces
whole, separate punctuation, and make one word of each character in Chinese and Japanese and of each cluster in Thai.
How the training text was split is stored with a model, and text to tag is split in the same way.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import regex

from .sentences import Text

WordRule = Literal["blanks", "characters", "unicode"]
"""blanks: at white space; characters: one word per character; unicode: at Unicode's word boundaries."""

_WORD = {"blanks": re.compile(r"\S+"), "characters": re.compile(r"\S")}
_BOUNDARY = regex.compile(r"\b", regex.WORD | regex.V1)
_CHARACTERS_FROM = 0.8
"""Smallest share of one-character tokens in text that is split into characters; text with spaces has below 0.3."""


def word_spans(text: str, rule: WordRule) -> tuple[tuple[int, int], ...]:
    """Character offsets (start, end) of the words of a text, without white space."""
    if rule != "unicode":
        return tuple(match.span() for match in _WORD[rule].finditer(text))
    boundaries = [match.start() for match in _BOUNDARY.finditer(text)]
    # A mark after white space is in one segment with it.
    spans = ((end - len(text[start:end].lstrip()), end) for start, end in pairwise(boundaries))
    return tuple((start, end) for start, end in spans if start < end)


def rule_of_tokens(texts: Sequence[Text]) -> WordRule:
    """The rule by which text in words was probably split: characters if nearly all words have one, else blanks."""
    words = sum(len(text.tokens) for text in texts)
    single = sum(len(token) == 1 for text in texts for token in text.tokens)
    return "characters" if single >= _CHARACTERS_FROM * words else "blanks"
