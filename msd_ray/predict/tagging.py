"""Tags sentences of any length, already split into words, with an exported student.

Sentences longer than the model's limit are read in overlapping windows (`data.windows`); all others are tagged exactly
as when a student is scored.
"""

from collections.abc import Sequence

import numpy as np
import torch

from msd_ray.data.encode import encode_text
from msd_ray.data.sentences import Text
from msd_ray.data.tensors import TextTensors
from msd_ray.data.windows import split_into_windows
from msd_ray.method.decoding import Decode, decode_labels
from msd_ray.method.device import autocast, resolve_precision
from msd_ray.method.evaluate import Float32, word_scores

from .export import LoadedStudent


def tag(
    student: LoadedStudent,
    sentences: Sequence[Sequence[str]],
    *,
    precision: str = "auto",
    decode: Decode | None = None,
) -> list[list[str]]:
    """Tag sentences: one label per word, valid BIO2; an empty list for an empty sentence.

    Scores of windows are joined before decoding, so that labels are valid across window borders.

    Args:
        precision: auto (bf16 where it is faster), fp32 or bf16.
        decode: None means the student's default.

    Raises:
        UserError: unknown precision.
    """
    device = next(student.tagger.parameters()).device
    filled = [words for words in sentences if words]
    with torch.inference_mode(), autocast(device, resolve_precision(precision, device)):
        scores, full = _scores(student, filled)
        for place, joined in zip(full, _scores_of_windows(student, [filled[i] for i in full]), strict=True):
            scores[place] = joined
    if not scores:
        return [[] for _ in sentences]
    counts = [len(words) for words in sentences]
    return decode_labels(np.concatenate(scores), counts, student.label_names, decode or student.decode)


def _scores(student: LoadedStudent, sentences: Sequence[Sequence[str]]) -> tuple[list[Float32], list[int]]:
    """Scores (W, C) of each sentence up to the length limit, and indices of those that reach it (truncated)."""
    if not sentences:
        return [], []
    text = encode_text([Text(tuple(words)) for words in sentences], student.tokenizer, max_length=student.max_length)
    pad_id = student.tokenizer.pad_token_id
    assert isinstance(pad_id, int)
    tensors = TextTensors(text, pad_id, next(student.tagger.parameters()).device)
    full = [place for place, length in enumerate(text.lengths) if length >= student.max_length]
    scores = word_scores(student.tagger, text, tensors, student.label_names)
    return np.split(scores, np.cumsum(text.word_counts)[:-1]), full


def _scores_of_windows(student: LoadedStudent, sentences: Sequence[Sequence[str]]) -> list[Float32]:
    """Scores (W, C) of each sentence, of any length, from overlapping windows."""
    budget = student.max_length - student.tokenizer.num_special_tokens_to_add()
    windows = [
        split_into_windows(_subtokens(student, words), budget=budget, context=budget // 4) for words in sentences
    ]
    parts = [words[w.start : w.end] for words, own in zip(sentences, windows, strict=True) for w in own]
    found = iter(_scores(student, parts)[0])
    return [np.concatenate([next(found)[w.first - w.start : w.last - w.start] for w in own]) for own in windows]


def _subtokens(student: LoadedStudent, words: Sequence[str]) -> list[int]:
    """Number of tokens per word."""
    encoding = student.tokenizer(
        list(words),
        is_split_into_words=True,
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    counts = [0] * len(words)
    for word in encoding.word_ids():
        if word is not None:
            counts[word] += 1
    return counts
