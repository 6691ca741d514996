"""Labels for sentences that are split into words already, of any length, by an exported student.

A sentence that is longer than the model's limit is read in overlapping windows (`features.windows`); all others are
labelled as they are when a student is scored.
"""

from collections.abc import Sequence

import torch

from .corpora import Text
from .export import LoadedStudent
from .features import TextTensors, encode_text
from .features.windows import split_into_windows
from .training.device import autocast, resolve_precision
from .training.evaluate import predict_labels


def tag(student: LoadedStudent, sentences: Sequence[Sequence[str]], *, precision: str = "auto") -> list[list[str]]:
    """The BIO2 labels of every word of every sentence; none for a sentence without words.

    precision: auto (bf16 where the hardware gains from it), fp32 or bf16. Raises UserError for another one.
    """
    device = next(student.tagger.parameters()).device
    with torch.inference_mode(), autocast(device, resolve_precision(precision, device)):
        filled = [index for index, words in enumerate(sentences) if words]
        labels: list[list[str]] = [[] for _ in sentences]
        found, full = _predict(student, [sentences[index] for index in filled])
        for index, words in zip(filled, found, strict=True):
            labels[index] = words
        cut = [filled[place] for place in full]
        for index, words in zip(cut, _predict_in_windows(student, [sentences[i] for i in cut]), strict=True):
            labels[index] = words
    return labels


def _predict(student: LoadedStudent, sentences: Sequence[Sequence[str]]) -> tuple[list[list[str]], list[int]]:
    """Labels as far as the length limit lets the model see, and which sentences fill it, so may be cut."""
    if not sentences:
        return [], []
    text = encode_text([Text(tuple(words)) for words in sentences], student.tokenizer, max_length=student.max_length)
    pad_id = student.tokenizer.pad_token_id
    assert isinstance(pad_id, int)
    tensors = TextTensors(text, pad_id, next(student.tagger.parameters()).device)
    full = [place for place, length in enumerate(text.lengths) if length >= student.max_length]
    return predict_labels(student.tagger, text, tensors, student.label_names), full


def _predict_in_windows(student: LoadedStudent, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """Labels of sentences of any length."""
    budget = student.max_length - student.tokenizer.num_special_tokens_to_add()
    windows = [
        split_into_windows(_subtokens(student, words), budget=budget, context=budget // 4) for words in sentences
    ]
    parts = [words[w.start : w.end] for words, own in zip(sentences, windows, strict=True) for w in own]
    found = iter(_predict(student, parts)[0])
    return [[label for w in own for label in next(found)[w.first - w.start : w.last - w.start]] for own in windows]


def _subtokens(student: LoadedStudent, words: Sequence[str]) -> list[int]:
    """How many tokens each word becomes."""
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
