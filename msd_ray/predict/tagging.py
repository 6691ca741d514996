"""Tags sentences of any length, already split into words, with an exported student.

Sentences longer than the model's limit are read in overlapping windows (`data.windows`); all others are tagged exactly
as when a student is scored.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from tokenizers import Encoding
from torch import Tensor

from msd_ray.data.encode import encoded_text
from msd_ray.data.tensors import TextBatch, TextTensors
from msd_ray.data.windows import Window, split_into_windows
from msd_ray.method.decoding import Decode, decode_labels
from msd_ray.method.evaluate import Float32, Run, scores_of_words

from .classifier import Classifier, classifier_of

if TYPE_CHECKING:
    from .export import LoadedStudent

TOKENS_A_BATCH = {"cuda": 32_768, "cpu": 512}
"""Maximum tokens per batch, padding included: on CPUs what fits into a core's cache."""


@dataclass(frozen=True, kw_only=True)
class WordLabels:
    """Labels of a sentence's words, valid BIO2.

    Args:
        labels: one per word.
        scores: the model's probability, 0..1, that the word belongs to an entity of the label's type (the sum over
            `B-` and `I-`), or to none for `O`.
    """

    labels: list[str]
    scores: list[float]


def tag(
    student: "LoadedStudent",
    sentences: Sequence[Sequence[str]],
    *,
    precision: str = "auto",
    decode: Decode | None = None,
) -> list[list[str]]:
    """Tag sentences: one label per word, valid BIO2; an empty list for an empty sentence.

    Args:
        precision: auto (bf16 where it is faster), fp32 or bf16.
        decode: None means the student's default.

    Raises:
        UserError: unknown precision.
    """
    return [found.labels for found in label_words(classifier_of(student, precision=precision), sentences, decode)]


def label_words(
    classifier: Classifier, sentences: Sequence[Sequence[str]], decode: Decode | None = None
) -> list[WordLabels]:
    """Labels and scores of every word; empty for an empty sentence.

    Logits of windows are joined before decoding, so that labels are valid across window borders.

    Args:
        classifier: the student.
        sentences: each a sequence of words.
        decode: None means the student's default.
    """
    filled = [words for words in sentences if words]
    if not filled:
        return [WordLabels(labels=[], scores=[]) for _ in sentences]
    counts = [len(words) for words in sentences]
    logits = _logits(classifier, filled)
    labels = decode_labels(logits, counts, classifier.description.label_names, decode or classifier.description.decode)
    scores = _of_types(logits, [label for one in labels for label in one], classifier.description.label_names)
    return [
        WordLabels(labels=own, scores=values.tolist())
        for own, values in zip(labels, np.split(scores, np.cumsum(counts)[:-1]), strict=True)
    ]


def _of_types(logits: Float32, labels: Sequence[str], label_names: Sequence[str]) -> Float32:
    """Probability (W,) of each word's type: softmax over the labels, summed over those of a type."""
    with np.errstate(invalid="ignore"):  # a diverged model has NaN and infinity
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    types, type_of_label = np.unique([name[2:] for name in label_names], return_inverse=True)
    sums = np.stack([weights[:, type_of_label == number].sum(axis=1) for number in range(len(types))], axis=1)
    column = {name: number for number, name in enumerate(types.tolist())}
    chosen: Float32 = sums[np.arange(len(labels)), [column[label[2:]] for label in labels]] / weights.sum(axis=1)
    return np.nan_to_num(chosen).astype(np.float32, copy=False)  # JSON has no NaN


def _logits(classifier: Classifier, sentences: Sequence[Sequence[str]]) -> Float32:
    """Logits (W, C) of all words of all sentences, none of which is empty."""
    classifier.tokenizer.no_truncation()  # transformers' tokenizer may share it, and set both
    classifier.tokenizer.no_padding()
    encodings = classifier.tokenizer.encode_batch([list(words) for words in sentences], is_pretokenized=True)
    parts: list[Encoding] = []
    windows: list[list[Window]] = []
    for words, encoding in zip(sentences, encodings, strict=True):
        if len(encoding.ids) <= classifier.description.max_length:
            windows.append([Window(start=0, end=len(words), first=0, last=len(words))])
            parts.append(encoding)
        else:
            windows.append(_windows(classifier, encoding, len(words)))
            parts += [_encoded(classifier, words[window.start : window.end]) for window in windows[-1]]
    sizes = [window.end - window.start for own in windows for window in own]
    text = encoded_text(parts, sizes, classifier.description.label_at)
    tensors = TextTensors(text, classifier.pad_id, classifier.device)
    with _threads(classifier.device) as run:
        scores = scores_of_words(
            lambda batch: _logits_of(classifier, batch),
            text,
            tensors,
            classifier.description.label_names,
            tokens=TOKENS_A_BATCH[classifier.device.type],
            run=run,
        )
    by_window = iter(np.split(scores, np.cumsum(sizes)[:-1]))
    return np.concatenate([next(by_window)[w.first - w.start : w.last - w.start] for own in windows for w in own])


def _logits_of(classifier: Classifier, batch: TextBatch) -> Tensor:
    with torch.inference_mode():  # of this thread
        return classifier.logits(batch.input_ids, batch.attention_mask)


@contextmanager
def _threads(device: torch.device) -> Iterator[Run]:
    """Run batches in as many threads as torch uses, one core each; on a GPU one after another.

    Threads that share an operation wait for each other after each one, hundreds of times per batch.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield map
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(threads)  # the default of threads that are started later


def _windows(classifier: Classifier, encoding: Encoding, words: int) -> list[Window]:
    """Windows over the words of a sentence beyond the length limit."""
    tokens = [0] * words
    for word in encoding.word_ids:
        if word is not None:
            tokens[word] += 1
    budget = _budget(classifier)
    return split_into_windows(tokens, budget=budget, context=budget // 4)


def _encoded(classifier: Classifier, words: Sequence[str]) -> Encoding:
    """The tokens of a window, cut at the length limit: a single word may be longer."""
    encoding = classifier.tokenizer.encode(list(words), is_pretokenized=True, add_special_tokens=False)
    encoding.truncate(_budget(classifier))
    return classifier.tokenizer.post_process(encoding)


def _budget(classifier: Classifier) -> int:
    """Tokens of words at a time: the length limit without the special tokens."""
    return classifier.description.max_length - classifier.tokenizer.num_special_tokens_to_add(is_pair=False)
