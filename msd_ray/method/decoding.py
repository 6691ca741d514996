"""Decode label scores to valid BIO2: argmax with repair, or Viterbi.

In valid BIO2, `I-X` follows `B-X` or `I-X`. A sentence is decoded over all its words at once, including words that the
encoder did not see, so the result is valid as a whole.

Shapes: W words of all sentences, one sentence after another; S sentences; C labels; B sentences of a step.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Decode = Literal["argmax", "viterbi"]
Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]


def decode_labels(
    scores: Floats, counts: Sequence[int] | Ints, label_names: Sequence[str], decode: Decode = "argmax"
) -> list[list[str]]:
    """Labels of every word of every sentence, always valid BIO2.

    argmax: each word's best label; an `I-X` that continues no entity of type X becomes `B-X`, as conlleval reads it,
    so the entities are the same as without the repair. viterbi: the valid sequence with the largest sum of scores.
    Ties: the first label in `label_names` wins.

    Args:
        scores: (W, C), logits or log probabilities; a constant per word changes nothing.
        counts: (S,), words per sentence, 0 allowed; their sum is W.
        label_names: (C,), `O`, `B-TYPE`, `I-TYPE` in any order.
        decode: decoding method.

    >>> scores = np.log([[0.1, 0.3, 0.6], [0.2, 0.1, 0.7]])
    >>> decode_labels(scores, [2], ["O", "B-PER", "I-PER"]), decode_labels(scores, [1, 1], ["O", "B-PER", "I-PER"])
    ([['B-PER', 'I-PER']], [['B-PER'], ['B-PER']])
    >>> decode_labels(scores, [1, 1], ["O", "B-PER", "I-PER"], "viterbi")
    [['B-PER'], ['O']]
    """
    counts = np.asarray(counts, dtype=np.int64)
    best = viterbi(scores, counts, label_names) if decode == "viterbi" else scores.argmax(axis=1)
    return by_sentence(_repaired(best, counts, label_names), counts)


def by_sentence(labels: npt.NDArray[np.object_], counts: Sequence[int] | Ints) -> list[list[str]]:
    """Split the labels (W,) of all sentences into one list per sentence."""
    rest = iter(labels.tolist())
    return [list(islice(rest, int(count))) for count in counts]


def viterbi(scores: Floats, counts: Ints, label_names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Label ids (W,) of each sentence's best valid sequence.

    All sentences advance together, word by word. `O` and `B-X` may follow every label, so their best predecessor is
    the same; `I-X` has two possible predecessors. That makes C comparisons per word instead of C * C. Sums are
    computed in float64.
    """
    inside, begin = _continuations(label_names)  # (I,): ids of each I-X with a B-X, and of that B-X
    never = [index for index, name in enumerate(label_names) if name.startswith("I-") and index not in inside]
    # NaN and infinity of a diverged model become numbers; -inf stays, it excludes a label.
    scores = np.nan_to_num(scores, posinf=float(np.finfo(np.float32).max), neginf=-np.inf)
    order = np.argsort(-counts, kind="stable")
    first = (np.cumsum(counts) - counts)[order]  # (S,): each sentence's first word, longest sentence first
    longest = int(counts.max(initial=0))
    running = [int((counts > step).sum()) for step in range(longest + 1)]  # sentences with a word at each step
    predecessor = np.empty(scores.shape, dtype=np.int32)  # (W, C)
    state = np.empty(len(counts), dtype=np.int64)  # (S,): a label of each sentence, in `order`
    total = np.empty((0, len(label_names)))  # (B, C): the best sum that ends in each label
    for step in range(longest):
        words = first[: running[step]] + step
        emission = scores[words].astype(np.float64)
        emission[:, never] = -np.inf
        if step == 0:
            emission[:, inside] = -np.inf
            total = emission
        else:
            total = total[: len(words)]
            best = total.argmax(axis=1, keepdims=True)  # (B, 1)
            predecessor[words] = best
            arriving = np.repeat(np.take_along_axis(total, best, axis=1), total.shape[1], axis=1)
            goes_on = total[:, inside] > total[:, begin]  # (B, I)
            predecessor[words[:, None], inside] = np.where(goes_on, inside, begin)
            arriving[:, inside] = np.where(goes_on, total[:, inside], total[:, begin])
            total = arriving + emission
        state[running[step + 1] : running[step]] = total[running[step + 1] :].argmax(axis=1)
    found = np.empty(len(scores), dtype=np.int64)
    for step in reversed(range(longest)):
        words = first[: running[step]] + step
        found[words] = state[: len(words)]
        if step > 0:
            state[: len(words)] = predecessor[words, state[: len(words)]]
    return found


def _continuations(label_names: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    ids = {name: index for index, name in enumerate(label_names)}
    pairs = [
        (ids[name], ids[f"B{name[1:]}"]) for name in label_names if name.startswith("I-") and f"B{name[1:]}" in ids
    ]
    inside, begin = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return inside, begin


def _repaired(best: Ints, counts: Ints, label_names: Sequence[str]) -> npt.NDArray[np.object_]:
    """Label names (W,) of label ids, with `B-X` for every `I-X` that continues no entity of its type."""
    types = np.unique([name[2:] for name in label_names], return_inverse=True)[1]  # (C,): a number per type, one for O
    previous = np.append(-1, types[best[:-1]])  # (W,), or one entry if W is 0
    previous[(np.cumsum(counts) - counts)[counts > 0]] = -1
    is_inside = np.array([name.startswith("I-") for name in label_names])
    stray = is_inside[best] & (types[best] != previous[: len(best)])
    names = np.array(label_names, dtype=object)
    begins = np.array([f"B{name[1:]}" for name in label_names], dtype=object)
    return np.where(stray, begins[best], names[best])
