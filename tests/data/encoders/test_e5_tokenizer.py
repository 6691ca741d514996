"""The tokenizer against the package's: its token counts, and ids by a slow twin of its algorithm over its file."""

import math
import unicodedata
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast
from translations import SENTENCES

from msd_ray.data.encoders.e5_tokenizer import build_tokenizer
from msd_ray.data.encoders.e5s1 import E5S1

MULTICONER = Path(__file__).parents[4] / "shared" / "data" / "multiconer"
ODD = [
    "２０２４年，ＡＢＣ～ﾃｽﾄ",  # full-width and half-width forms
    "ﬁne½ tabs\tand  many   spaces",
    "zero\u200bwidth\u200c and \ufeff marks\u00ad",
    "emoji 😀 and unknown \U00010384 letters",
]


class Twin:
    """`tok_content` of the package's e5.c, written plainly: normalise by table, then the best path over pieces."""

    def __init__(self, source: E5S1) -> None:
        self.table = source.vocabulary.normalisation
        self.unk = source.vocabulary.unk
        # The C code looks pieces up by their text: <s> and the like too, with their score of 0.
        self.ids = {piece: i for i, (piece, _) in enumerate(source.vocabulary.pieces)}
        self.scores = [score for _, score in source.vocabulary.pieces]
        self.unk_score = min(self.scores) - 10
        self.longest = max(map(len, self.ids))

    def ids_of(self, text: str) -> list[int]:
        text = "".join(self.table.get(character, character) for character in text)
        while "  " in text:
            text = text.replace("  ", " ")
        text = (text if text.startswith(" ") else " " + text).replace(" ", "▁")
        best: list[tuple[float, list[int]]] = [(0.0, []), *((-math.inf, []) for _ in text)]
        for end in range(1, len(text) + 1):
            for start in range(max(0, end - self.longest), end):
                piece = self.ids.get(text[start:end])
                score = self.scores[piece] if piece not in (None, self.unk) else None
                if score is None and end - start == 1:
                    piece, score = self.unk, self.unk_score
                if score is not None and best[start][0] + score > best[end][0]:
                    best[end] = (best[start][0] + score, [*best[start][1], piece])  # type: ignore[list-item]
        return best[-1][1]


@pytest.fixture(scope="module")
def twin(e5_source: E5S1) -> Twin:
    return Twin(e5_source)


def content(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_ids_are_the_packages(language: str, e5_tokenizer: PreTrainedTokenizerFast, twin: Twin, e5_engine: Any) -> None:
    for sentence in SENTENCES[language]:
        ids = content(e5_tokenizer, "query: " + sentence)
        assert ids == twin.ids_of("query: " + sentence)
        assert len(ids) + 2 == e5_engine.token_count(sentence, True)
        assert e5_tokenizer.unk_token_id not in ids


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_words_get_the_ids_that_each_has_alone(
    language: str, e5_tokenizer: PreTrainedTokenizerFast, twin: Twin
) -> None:
    words = [list(s) if language == "zh" else s.split() for s in SENTENCES[language]]
    encoded = e5_tokenizer(words, is_split_into_words=True)
    for i, sentence in enumerate(words):
        expected = [[0]] + [twin.ids_of(word) for word in sentence] + [[2]]
        assert encoded["input_ids"][i] == list(chain.from_iterable(expected))
        word_ids = [None] + [w for w, ids in enumerate(expected[1:-1]) for _ in ids] + [None]
        assert encoded.word_ids(i) == word_ids


def test_odd_text(e5_tokenizer: PreTrainedTokenizerFast, twin: Twin, e5_engine: Any) -> None:
    for text in ODD:
        assert content(e5_tokenizer, "query: " + text) == twin.ids_of("query: " + text), text
        assert len(content(e5_tokenizer, "query: " + text)) + 2 == e5_engine.token_count(text, True)


def test_known_pieces(e5_tokenizer: PreTrainedTokenizerFast) -> None:
    """XLM-RoBERTa's published ids of its best-known sentence, and pieces that can be checked by eye."""
    assert e5_tokenizer("Hello world!")["input_ids"] == [0, 35378, 8999, 38, 2]
    assert e5_tokenizer.tokenize("Berlin") == ["▁Berlin"]
    assert e5_tokenizer.tokenize("～") == ["▁", "～"]
    assert e5_tokenizer.decode(content(e5_tokenizer, "Tuna Nehri geçer.")) == "Tuna Nehri geçer."


def test_specials(e5_tokenizer: PreTrainedTokenizerFast) -> None:
    names = ("cls_token", "sep_token", "bos_token", "eos_token", "pad_token", "unk_token", "mask_token")
    assert [getattr(e5_tokenizer, name) for name in names] == [
        "<s>", "</s>", "<s>", "</s>", "<pad>", "<unk>", "<mask>",
    ]  # fmt: skip
    assert [getattr(e5_tokenizer, name + "_id") for name in names] == [0, 2, 0, 2, 1, 3, 250001]
    assert len(e5_tokenizer) == 250002
    assert e5_tokenizer.model_max_length == 512
    batch = e5_tokenizer(["a", "a longer sentence"], padding=True)
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["input_ids"][0][3:] == [1] * (len(batch["input_ids"][1]) - 3)
    assert batch["attention_mask"][0] == [1, 1, 1] + [0] * (len(batch["input_ids"][1]) - 3)
    assert e5_tokenizer("one two", truncation=True, max_length=3)["input_ids"][-1] == 2


def test_every_code_point_is_normalised_as_by_the_packages_table(e5_source: E5S1) -> None:
    normalise = build_tokenizer(e5_source.vocabulary).normalizer.normalize_str
    table = e5_source.vocabulary.normalisation
    assert len(table) > 4_000
    characters = [chr(code) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000]
    assert [c for c in characters if normalise(c) != table.get(c, c)] == []


def test_decomposed_text_gets_the_ids_of_composed_text(e5_tokenizer: PreTrainedTokenizerFast) -> None:
    for text in (SENTENCES[language][i] for language in ("de", "tr", "ko", "hi", "ar") for i in range(4)):
        assert content(e5_tokenizer, unicodedata.normalize("NFD", text)) == content(e5_tokenizer, text)


@pytest.mark.skipif(not MULTICONER.is_dir(), reason=f"no corpora in {MULTICONER}")
@pytest.mark.parametrize("language", ["en", "ko", "tr"])
def test_words_of_real_corpora(language: str, e5_tokenizer: PreTrainedTokenizerFast, twin: Twin) -> None:
    lines = (MULTICONER / language / f"{language}_dev.conll").read_text(encoding="utf-8").splitlines()
    words = dict.fromkeys(line.split()[0] for line in lines if line.strip() and not line.startswith("# id"))
    chosen = [unicodedata.normalize("NFC", word) for word in islice(words, 3000)]
    assert len(chosen) > 1000
    encoded = e5_tokenizer(chosen, add_special_tokens=False)["input_ids"]
    wrong = [word for word, ids in zip(chosen, encoded, strict=True) if list(ids) != twin.ids_of(word)]
    assert wrong == []
