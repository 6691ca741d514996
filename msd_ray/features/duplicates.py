"""Scored sentences that also stand in the training text."""

import numpy as np
import numpy.typing as npt

from .encode import EncodedText


def repeated_sentences(scored: EncodedText, *training: EncodedText) -> npt.NDArray[np.bool_]:
    """(S,) for each scored sentence whether a training text has it too, token id for token id."""
    known = {sentence for text in training for sentence in _sentences(text)}
    return np.fromiter((sentence in known for sentence in _sentences(scored)), dtype=np.bool_)


def _sentences(text: EncodedText) -> list[bytes]:
    return [part.tobytes() for part in np.split(np.asarray(text.input_ids), text.offsets[1:-1])]
