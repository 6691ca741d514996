"""Sentences as flat arrays of token ids: one array per corpus, with one offset per sentence.

Distillation reads `EncodedText`, which has no field for labels. `EncodedSentences` adds the gold labels of every word,
including words that are cut off, so that scores cover words that the encoder did not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .sentences import Sentence, Text

if TYPE_CHECKING:  # importing transformers takes seconds
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

NO_WORD = -1


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """S encoded sentences with N tokens in total, special tokens included.

    Args:
        input_ids: (N,) token ids, one sentence after another.
        words: (N,) at the first sub-token of a word its index in the sentence, else -1.
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


def encode_text(
    sentences: Sequence[Text | Sentence], tokenizer: "PreTrainedTokenizerFast", *, max_length: int
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
    return encoded_text(encoding.encodings, [len(sentence.tokens) for sentence in sentences])


def encoded_text(encodings: "Sequence[Encoding]", word_counts: Sequence[int]) -> EncodedText:
    """The flat arrays of sentences that a tokenizer has encoded. word_counts: (S,) words before truncation."""
    ids = [encoding.ids for encoding in encodings]
    lengths = np.fromiter((len(row) for row in ids), dtype=np.int64, count=len(ids))
    return EncodedText(
        input_ids=_flat(ids),
        words=_flat([_first_subtokens(encoding.word_ids) for encoding in encodings]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        word_counts=np.fromiter(word_counts, dtype=np.int32, count=len(ids)),
    )


def encode_sentences(
    sentences: Sequence[Sentence],
    tokenizer: "PreTrainedTokenizerFast",
    label_names: Sequence[str],
    *,
    max_length: int,
) -> EncodedSentences:
    """Encode sentences and labels; a label's class index is its position in `label_names`."""
    text = encode_text(sentences, tokenizer, max_length=max_length)
    label_ids = {name: index for index, name in enumerate(label_names)}
    return EncodedSentences(
        input_ids=text.input_ids,
        words=text.words,
        offsets=text.offsets,
        word_counts=text.word_counts,
        labels=_flat([[label_ids[label] for label in sentence.labels] for sentence in sentences]),
    )


def _first_subtokens(word_ids: list[int | None]) -> list[int]:
    """Word index at each word's first sub-token; -1 at its other sub-tokens and at special tokens."""
    previous: int | None = None
    first = []
    for word in word_ids:
        first.append(NO_WORD if word is None or word == previous else word)
        previous = word
    return first


def _flat(rows: Sequence[Sequence[int]]) -> Int32:
    return np.fromiter((value for row in rows for value in row), dtype=np.int32)


def repeated_sentences(scored: EncodedText, *training: EncodedText) -> npt.NDArray[np.bool_]:
    """(S,) bool: for each sentence of `scored`, whether a training text contains it, by token ids."""
    known = {sentence for text in training for sentence in _sentences(text)}
    return np.fromiter((sentence in known for sentence in _sentences(scored)), dtype=np.bool_)


def _sentences(text: EncodedText) -> list[bytes]:
    return [part.tobytes() for part in np.split(np.asarray(text.input_ids), text.offsets[1:-1])]
