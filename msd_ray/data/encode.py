"""Sentences as flat arrays of token ids: one array per corpus, with one offset per sentence.

Distillation reads `EncodedText`, which has no field for labels. `EncodedSentences` adds the gold labels of every word,
including words that are cut off, so that scores cover words that the encoder did not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from .sentences import Sentence, Text

if TYPE_CHECKING:  # importing transformers takes seconds
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

NO_WORD = -1
LabelAt = Literal["text", "first"]
"""The sub-token that carries a word's label: its first one with text, or its first one, as in the paper.

SentencePiece tokenizers split a word that they do not know as a beginning into a bare `▁` and the rest: with `e5-small`
90 % of Chinese and 20 % of Korean words of the corpus `sample`, but 0.2 % of English entity words. A teacher that reads
labels at `▁` learns from English that it means O.
"""
WORD_MARKS = ("▁", "Ġ")
"""Tokens without text of SentencePiece and byte-level tokenizers."""


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """S encoded sentences with N tokens in total, special tokens included.

    Args:
        input_ids: (N,) token ids, one sentence after another.
        words: (N,) at the sub-token of a word that carries its label its index in the sentence, else -1.
        offsets: (S + 1,) where each sentence's tokens begin.
        word_counts: (S,) words of each sentence, including those beyond the length limit.
    """

    input_ids: Int32
    words: Int32
    offsets: Int64
    word_counts: Int32

    def __len__(self) -> int:
        return len(self.word_counts)

    @property
    def lengths(self) -> Int64:
        """Tokens of each sentence, (S,)."""
        return np.diff(self.offsets)

    @property
    def cut_words(self) -> int:
        """Number of words without a token: beyond the length limit, or empty after normalisation."""
        return int(self.word_counts.sum()) - int((self.words != NO_WORD).sum())


@dataclass(frozen=True, kw_only=True)
class EncodedSentences(EncodedText):
    """Encoded text with gold labels.

    Args:
        labels: (W,) class indices of all words, one sentence after another, `word_counts` of each.
    """

    labels: Int32


def effective_label_at(label_at: LabelAt, tokenizer: "PreTrainedTokenizerFast") -> LabelAt:
    """`first` for a tokenizer without bare word marks, where both mean the same sub-token.

    To be a mark is to be decoded to a blank: WordPiece vocabularies have `Ġ`, too, as a letter of Maltese.
    """
    backend = tokenizer.backend_tokenizer
    known = [mark for mark in WORD_MARKS if backend.token_to_id(mark) is not None]
    marked = any(not tokenizer.convert_tokens_to_string([mark]).strip() for mark in known)
    return label_at if marked else "first"


def encode_text(
    sentences: Sequence[Text | Sentence],
    tokenizer: "PreTrainedTokenizerFast",
    *,
    max_length: int,
    label_at: LabelAt = "first",
) -> EncodedText:
    """Encode sentences to at most `max_length` tokens each, special tokens included."""
    encoding = tokenizer(
        [list(sentence.tokens) for sentence in sentences],
        is_split_into_words=True,
        truncation=True,
        max_length=max_length,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    assert encoding.encodings is not None, "the tokenizer is a fast one"
    return encoded_text(encoding.encodings, [len(sentence.tokens) for sentence in sentences], label_at)


def encoded_text(
    encodings: "Sequence[Encoding]", word_counts: Sequence[int], label_at: LabelAt = "first"
) -> EncodedText:
    """The flat arrays of sentences that a tokenizer has encoded. word_counts: (S,) words before truncation."""
    ids = [encoding.ids for encoding in encodings]
    lengths = np.fromiter((len(row) for row in ids), dtype=np.int64, count=len(ids))
    return EncodedText(
        input_ids=_flat(ids),
        words=_flat([_label_positions(encoding, label_at) for encoding in encodings]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        word_counts=np.fromiter(word_counts, dtype=np.int32, count=len(ids)),
    )


def encode_sentences(
    sentences: Sequence[Sentence],
    tokenizer: "PreTrainedTokenizerFast",
    label_names: Sequence[str],
    *,
    max_length: int,
    label_at: LabelAt = "first",
) -> EncodedSentences:
    """Encode sentences and labels; a label's class index is its position in `label_names`."""
    text = encode_text(sentences, tokenizer, max_length=max_length, label_at=label_at)
    label_ids = {name: index for index, name in enumerate(label_names)}
    return EncodedSentences(
        input_ids=text.input_ids,
        words=text.words,
        offsets=text.offsets,
        word_counts=text.word_counts,
        labels=_flat([[label_ids[label] for label in sentence.labels] for sentence in sentences]),
    )


def _label_positions(encoding: "Encoding", label_at: LabelAt) -> list[int]:
    """Word index at the sub-token of each word that carries its label; -1 at all other tokens.

    A word whose only sub-token has no text, or whose others are cut off, is labelled at that one.
    """
    words, previous = encoding.word_ids, None
    found = [NO_WORD] * len(words)
    tokens = encoding.tokens if label_at == "text" else None
    for position, word in enumerate(words):
        if word is not None and word != previous:
            bare = tokens is not None and tokens[position] in WORD_MARKS
            found[position + (bare and words[position + 1 : position + 2] == [word])] = word
        previous = word
    return found


def _flat(rows: Sequence[Sequence[int]]) -> Int32:
    return np.fromiter((value for row in rows for value in row), dtype=np.int32)


def repeated_sentences(scored: EncodedText, *training: EncodedText) -> npt.NDArray[np.bool_]:
    """(S,) bool: for each sentence of `scored`, whether a training text contains it, by token ids."""
    known = {sentence for text in training for sentence in _sentences(text)}
    return np.fromiter((sentence in known for sentence in _sentences(scored)), dtype=np.bool_)


def _sentences(text: EncodedText) -> list[bytes]:
    return [part.tobytes() for part in np.split(np.asarray(text.input_ids), text.offsets[1:-1])]
