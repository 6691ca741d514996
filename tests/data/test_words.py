import pytest

from msd_ray.data.sentences import Text
from msd_ray.data.words import rule_of_tokens, word_spans


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text, "unicode")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Angela Merkel spoke in Paris.", ["Angela", "Merkel", "spoke", "in", "Paris", "."]),
        ("She can't pay $1,234.50 (U.S.A.)!", ["She", "can't", "pay", "$", "1,234.50", "(", "U.S.A", ".", ")", "!"]),
        ("قال أحمد: «في القاهرة».", ["قال", "أحمد", ":", "«", "في", "القاهرة", "»", "."]),
        ("मुंबई में, सचिन।", ["मुंबई", "में", ",", "सचिन", "।"]),
        ("서울에 갔다.", ["서울에", "갔다", "."]),
        ("می‌روم", ["می‌روم"]),  # the zero-width non-joiner stays within a word
        ("他在北京大学2008年。", ["他", "在", "北", "京", "大", "学", "2008", "年", "。"]),
        ("東京タワーへ", ["東", "京", "タワー", "へ"]),
        ("ไปที่", ["ไ", "ป", "ที่"]),  # a mark stays with its consonant
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("👩‍👩‍👧 ok", ["👩‍👩‍👧", "ok"]),
        (" \u00a0\u3000a\u2028b ", ["a", "b"]),
        (" \t", []),
        ("", []),
    ],
)
def test_words_by_the_rules_of_unicode(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_every_character_but_white_space_is_in_one_word() -> None:
    text = "".join(chr(code) + (" " if code % 7 == 0 else "") for code in range(0x20, 0x3200))
    assert "".join(words(text)) == "".join(text.split())


def test_blanks_and_characters() -> None:
    text = " 北京, ok "
    assert [text[start:end] for start, end in word_spans(text, "blanks")] == ["北京,", "ok"]
    assert [text[start:end] for start, end in word_spans(text, "characters")] == ["北", "京", ",", "o", "k"]


def test_the_rule_of_text_in_words() -> None:
    assert rule_of_tokens([Text(tuple("他在北京大学")), Text(("iPhone", "手", "机"))]) == "characters"
    assert rule_of_tokens([Text(("A", "B", "C", "goes", "to", "Rome", "."))]) == "blanks"
