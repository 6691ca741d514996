"""Long sentences as overlapping windows of whole words, so that no word is cut off.

A window has at most `budget` tokens. Neighbours share about `2 * context` tokens; labels switch from one window to the
next in the middle of the shared part, so a word beside a cut is encoded with `context` tokens beyond it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Window:
    """Words start..end - 1 are encoded together; the labels of words first..last - 1 are used."""

    start: int
    end: int
    first: int
    last: int


def split_into_windows(counts: Sequence[int], *, budget: int, context: int) -> list[Window]:
    """Windows over a sentence's words; every word is labelled by exactly one of them.

    Args:
        counts: (W,) tokens of each word.
        budget: maximum tokens of a window, >= 1; a longer word is a window of its own.
        context: tokens on the other side of a cut; fewer if the budget is too small.

    Raises:
        ValueError: the budget is below 1.
    """
    if budget < 1:
        raise ValueError(f"a window of {budget} tokens holds no word")
    ranges = _ranges(counts, budget, overlap=min(2 * context, budget // 2))
    before = np.concatenate([[0], np.cumsum(counts)])  # (W + 1,): tokens before each word, and of all
    cuts = [0]
    for (_, end), (start, _) in pairwise(ranges):
        middle = (before[start] + before[end]) / 2
        cuts.append(min(max(start, int(np.searchsorted(before, middle))), end))
    cuts.append(len(counts))
    return [
        Window(start=start, end=end, first=first, last=last)
        for (start, end), (first, last) in zip(ranges, pairwise(cuts), strict=True)
    ]


def _ranges(counts: Sequence[int], budget: int, overlap: int) -> list[tuple[int, int]]:
    """(start, end) of each window: as many words as fit, sharing up to `overlap` tokens with the next."""
    ranges: list[tuple[int, int]] = []
    start = 0
    while not ranges or ranges[-1][1] < len(counts):
        end, tokens = start, 0
        while end < len(counts) and (end == start or tokens + counts[end] <= budget):
            tokens += counts[end]
            end += 1
        ranges.append((start, end))
        if end < len(counts):
            # The overlap must leave room for the first new word; otherwise windows would not advance.
            room = min(overlap, budget - counts[end])
            start = end
            while start - 1 > ranges[-1][0] and counts[start - 1] <= room:
                start -= 1
                room -= counts[start]
    return ranges
