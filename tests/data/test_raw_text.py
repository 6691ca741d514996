from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.raw_text import LONGEST_LINE, read_raw

WriteFile = Callable[..., Path]


def test_one_sentence_per_line(write: WriteFile) -> None:
    path = write("ar.txt", "\ufeffقال أحمد.\r\nB-52 flew over Paris, B-52\n他在北京\n")
    assert [text.tokens for text in read_raw(path).texts] == [
        ("قال", "أحمد", "."),
        ("B", "-", "52", "flew", "over", "Paris", ",", "B", "-", "52"),
        ("他", "在", "北", "京"),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"ar\.txt: contains no sentence"),
        ("\n", r"ar\.txt: contains no sentence\. Give"),
        ("a\n \t\nb\n", r"ar\.txt:2: an empty line\. Write one sentence per line\. For one token .* \*\.conll"),
        ("a\n\n", r"ar\.txt:2: an empty line"),
        ("a\n" + "b " * (LONGEST_LINE // 2 + 1), r"ar\.txt:2: a line of 10,002 characters; at most 10,000"),
        ("a b c\nword\tB-PER\n", r"ar\.txt:2: labelled text: 'word\\tB-PER'\. Write one sentence per line"),
        ("word\tNN\tO\n", r"ar\.txt:1: labelled text"),
        ("He NN O\nspoke VB O\nin IN O\n\nParis NN B-LOC\n", r"ar\.txt:1: labelled text"),
        ("a,O\nb,B-PER\n", r"ar\.txt:1: labelled text"),
        ("a\u200bO\nb\u200bB-PER\n", r"ar\.txt:1: labelled text"),
        ("one two\nthree four\n" * 9 + "He O\nin O\nParis B-LOC\n", r"ar\.txt:19: labelled text: 'He O'"),
        ("one two\nHe/O saw/O Paris/B-LOC ./O\n", r"ar\.txt:2: labelled text: 'He/O saw"),
        ("He|O saw|O Paris|B-LOC\n", r"ar\.txt:1: labelled text"),
        ("a\n\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), r"ar\.txt:2: not UTF-8"),
    ],
    ids=[
        "nothing",
        "newline",
        "blanks",
        "end",
        "huge",
        "tab",
        "three columns",
        "blank columns",
        "commas",
        "marks",
        "rows below",
        "tagged",
        "bars",
        "latin-1",
    ],
)
def test_what_is_no_raw_text_is_refused_with_its_line(write: WriteFile, text: str, complaint: str) -> None:
    path = write("ar.txt", text, "latin-1" if "UTF" in complaint else "utf-8")
    with pytest.raises(UserError, match=complaint):
        read_raw(path)


def test_a_few_sentences_may_end_like_labels(write: WriteFile) -> None:
    assert len(read_raw(write("de.txt", "Vitamin B-Komplex\nsie nimmt Vitamine\ner auch\n")).texts) == 3
    text = "die neue U-Bahn\nmehr U-Bahn\nnoch eine U-Bahn\n" + "ein Satz\n" * 4
    assert len(read_raw(write("de.txt", text)).texts) == 7
