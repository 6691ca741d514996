"""Sentences become token ids and length-bucketed batches."""

from .batches import evaluation_batches, padding_share, paired_batches, training_batches
from .duplicates import repeated_sentences
from .encode import EncodedSentences, EncodedText, encode_sentences, encode_text
from .store import load_sentences, load_text, save_sentences, save_text
from .tensors import IGNORED, TextBatch, TextTensors
from .words import load_words, save_words

__all__ = [
    "IGNORED",
    "EncodedSentences",
    "EncodedText",
    "TextBatch",
    "TextTensors",
    "encode_sentences",
    "encode_text",
    "evaluation_batches",
    "load_sentences",
    "load_text",
    "load_words",
    "padding_share",
    "paired_batches",
    "repeated_sentences",
    "save_sentences",
    "save_text",
    "save_words",
    "training_batches",
]
