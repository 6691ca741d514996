"""The shape of rows: what is not a token and a label is refused with its line, by both readers alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS
from msd_ray.data.columns import read_labelled, read_unlabelled
from msd_ray.data.own_files import read_rows, read_text

WriteFile = Callable[..., Path]

WIKIANN, CONLL, MLOWNER = DATASETS["wikiann"], DATASETS["conll"], DATASETS["mlowner"]

BAD_IN_TABS = {
    "blank": ("Roche B-ORG", "expected a row 'token<TAB>label', found '.*Roche B-ORG'"),
    "no-break space": ("Roche\xa0B-ORG", "expected a row 'token<TAB>label'"),
    "ideographic space": ("Roche\u3000B-ORG", "expected a row"),
    "zero-width space": ("Roche\u200bB-ORG", "expected a row"),
    "comma": ("Roche,B-ORG", "expected a row"),
    "vertical bar": ("Roche|B-ORG", "expected a row"),
    "two tabs": ("Roche\t\tB-ORG", "expected 2 columns, as in line 1, found 3"),
    "no label": ("Roche", "expected a row"),
    "empty label": ("Roche\t", "expected a row"),
    "another column": ("Roche\tNNP\tB-ORG", "expected 2 columns, as in line 1, found 3"),
    "joined rows": ("Roche\tB-ORG AG\tI-ORG", "expected 2 columns, as in line 1, found 3"),
    "label twice": ("Roche B-ORG\tB-ORG", "the token 'Roche B-ORG' contains a label"),
    "label after a comma": ("Roche,B-ORG\tO", "contains a label"),
    "label as token": ("B-ORG\tO", "contains a label"),
    "other order": ("B-ORG\tRoche", "(unknown label 'Roche'|.*, 'Roche', is not a label|.*contains a label)"),
    "no-break space alone": ("\xa0", "expected a row"),
    "mark after the label": ("Roche\tB-ORG\u200f", "(unknown label|the last column)"),
    "no-break space after the label": ("Roche\tB-ORG\xa0", "(unknown label|the last column)"),
    "comma after the label": ("Roche\tB-ORG,", "(unknown label|the last column)"),
    "score after the label": ("Roche\tB-ORG 0.98", "(unknown label|the last column)"),
}


@pytest.mark.parametrize("case", BAD_IN_TABS)
@pytest.mark.parametrize("lang", ["", "ar:"], ids=["XTREME", "original"])
def test_rows_of_a_tab_separated_file(write: WriteFile, case: str, lang: str) -> None:
    row, complaint = BAD_IN_TABS[case]
    path = write("ar/train", f"{lang}a\tO\n{lang}b\tB-LOC\n\n{lang}{row}\n{lang}c\tO\n")
    for read in (read_labelled, read_unlabelled):
        with pytest.raises(UserError, match=rf"ar/train:4: .*{complaint}"):
            read(path, WIKIANN, "ar")


BAD_IN_BLANKS = {
    "no label": ("Roche", "expected a row 'token ... label'"),
    "comma": ("Roche,B-ORG", "expected a row"),
    "no-break space": ("Roche\xa0B-ORG", "expected a row"),
    "blank first": (" Roche B-ORG", "expected a row"),
    "label as token": ("B-ORG O", "contains a label"),
    "label in the token": ("Roche/B-ORG O", "contains a label"),
    "joined rows": ("Roche B-ORG AG I-ORG", "a label, 'B-ORG', before the last column"),
    "score after the label": ("Roche B-ORG 0.98", "a label, 'B-ORG', before the last column"),
    "vertical bars": ("| Roche | B-ORG |", "(unknown label|the last column)"),
    "saved web page": ("<p>Roche B-ORG</p>", "(unknown label|the last column)"),
    "left by a merge": ("<<<<<<< HEAD", "(unknown label|the last column)"),
}


@pytest.mark.parametrize("case", BAD_IN_BLANKS)
def test_rows_of_a_blank_separated_file(write: WriteFile, case: str) -> None:
    row, complaint = BAD_IN_BLANKS[case]
    path = write("esp.train", f"a O\nb B-LOC\n\n{row}\nc O\n")
    for read in (read_labelled, read_unlabelled):
        with pytest.raises(UserError, match=rf"esp\.train:4: .*{complaint}"):
            read(path, CONLL, "es")


def test_mlowner_has_four_columns(write: WriteFile) -> None:
    path = write("tr_train.conll", "# id 1\tdomain=train\na _ _ O\nnew york _ _ B-LOC\n")
    for read in (read_labelled, read_unlabelled):
        with pytest.raises(
            UserError, match=r"conll:3: expected 4 columns, as in line 2, found 5 columns: 'new york _ _ B-LOC'"
        ):
            read(path, MLOWNER, "tr")


@pytest.mark.parametrize(
    "text",
    [
        "a b\tB-ORG\t\nc\tO\t\n\n-\tO\t\n",
        "a b\tB-ORG \nc\tO\t \n\t\n-\tO\n",
        "a b\tB-ORG\r\nc\tO\r\n\t\r\n-\tO\r\n",
        "\ufeffa b\tB-ORG\nc\tO\n \t \n-\tO",
    ],
    ids=["trailing tab", "trailing blanks, a tab between sentences", "CRLF", "BOM"],
)
def test_what_editors_and_exports_leave_behind(write: WriteFile, text: str) -> None:
    path = write("train-ar.tsv", text)
    assert [sentence.tokens for sentence in read_labelled(path, WIKIANN, "ar").sentences] == [("a b", "c"), ("-",)]
    assert [found.tokens for found in read_unlabelled(path, WIKIANN, "ar").texts] == [("a b", "c"), ("-",)]
    own = write("own.tsv", text)
    assert [row.tokens for row in read_rows(own, "ar").rows] == [("a b", "c"), ("-",)]
    assert [found.tokens for found in read_text(own, "ar")[0].texts] == [("a b", "c"), ("-",)]


def test_marks_within_a_token_are_part_of_it(write: WriteFile) -> None:
    """Joiners and marks of direction belong to the text of some scripts."""
    tokens = ("می\u200cخواهم", "\u200fعربي", "1\xa0000", "\u200d", "e\u0301")
    path = write("ar/train", "".join(f"{token}\tO\n" for token in tokens))
    assert read_labelled(path, WIKIANN, "ar").sentences[0].tokens == tokens
    assert read_unlabelled(path, WIKIANN, "ar").texts[0].tokens == tokens


def test_tokens_alone_are_text_without_labels(write: WriteFile) -> None:
    path = write("ar/train", "a\nb\n\nc\n")
    assert [text.tokens for text in read_unlabelled(path, WIKIANN, "ar").texts] == [("a", "b"), ("c",)]
    with pytest.raises(UserError, match="train:1: expected a row"):
        read_labelled(path, WIKIANN, "ar")
    for row, complaint in (
        ("c\tO", "expected the token alone, as in line 1, found 2 columns"),
        ("Roche B-ORG", "expected (a row|the token alone)"),
        ("Roche\xa0B-ORG", "contains a label"),
        ("Roche,B-ORG", "contains a label"),
        ("RocheB-ORG", "contains a label"),
        ("\u200b", "a token without a visible character"),
    ):
        for name in ("ar/train", "x.conll"):
            path = write(name, f"a\nb\n\n{row}\n")
            with pytest.raises(UserError, match=rf"{name}:4: .*{complaint}"):
                read_text(path, "ar") if name == "x.conll" else read_unlabelled(path, WIKIANN, "ar")


@pytest.mark.parametrize("token", ["Roche/B-ORG", "Roche_B-ORG", "Roche,B-per", "Roche|S-Org", "罗/I-per", "AG/I-ORG"])
def test_tokens_alone_with_labels_of_unknown_types(write: WriteFile, token: str) -> None:
    path = write("x.conll", f"a\nb\n\n{token}\n")
    with pytest.raises(UserError, match=r"x\.conll:4: the token .* contains a label"):
        read_text(path, "ar")


@pytest.mark.parametrize(
    ("rows", "line", "complaint"),
    [
        (["Roche B-ORG", "a O", "b\tO"], None, ""),  # any mixture, while tokens have no blank
        (["a\tO", "b\tO", "Roche B-ORG"], 3, "expected a row 'token<TAB>label'"),
        (["Hà Nội\tB-LOC", "b\tO", "c\tO"], None, ""),
        (["a B-LOC", "b O", "Hà Nội\tB-LOC"], 3, "expected 2 columns, as in line 1, found 3"),
        (["a NN B-LOC", "New York NN B-LOC"], 2, "expected 3 columns, as in line 1, found 4"),
        (["# id 1\tdomain=train", "a _ _ B-LOC", "b _ _ O"], None, ""),
    ],
)
def test_the_separator_of_own_files(write: WriteFile, rows: list[str], line: int | None, complaint: str) -> None:
    path = write("own.conll", "\n".join(rows))
    for read in (read_rows, read_text):
        if line is None:
            read(path, "en")
        else:
            with pytest.raises(UserError, match=rf"own\.conll:{line}: {complaint}"):
                read(path, "en")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1\tRoche\tB-ORG\n2\tsaid\tO\n\n1\tNo\tO\n", "own.conll:1: the first column numbers the words"),
        ("0 Roche B-ORG\n1 said O\n\n0 No O\n", "own.conll:1: the first column numbers the words"),
        ('"Roche"\tB-ORG\n"said"\tO\n"no"\tO\n', "own.conll:1: every token is in quotation marks"),
        ("Roche, B-ORG\nsaid, O\nno, O\n", "own.conll:1: every token ends with ','"),
        ("Roche;\tB-ORG\nsaid;\tO\nno;\tO\n", "own.conll:1: every token ends with ';'"),
    ],
)
def test_first_columns_that_are_no_tokens(write: WriteFile, text: str, complaint: str) -> None:
    path = write("own.conll", text)
    for read in (read_rows, read_text):
        with pytest.raises(UserError, match=complaint):
            read(path, "en")


def test_numbers_and_quotation_marks_may_be_tokens(write: WriteFile) -> None:
    text = '1 O\n2 O\n" O\n\n1 B-LOC\n'
    assert [row.tokens for row in read_rows(write("own.conll", text), "en").rows] == [("1", "2", '"'), ("1",)]


def test_words_like_labels_are_words(write: WriteFile) -> None:
    tokens = ("U-Bahn", "B-52", "I-PHONE", "S-BAHN", "E-Mail", "(U-BAHN", "B-", "O")
    for name in ("x.conll", "y.conll"):
        label = "" if name == "y.conll" else " O"
        path = write(name, "".join(f"{token}{label}\n" for token in tokens))
        assert read_text(path, "de")[0].texts[0].tokens == tokens
    path = write("deu.train", "".join(f"{token} {token} NN I-NC O\n" for token in tokens))
    assert read_unlabelled(path, CONLL, "de").texts[0].tokens == tokens


@pytest.mark.parametrize(
    ("lang", "rows", "complaint"),
    [
        ("nb", "no:Oslo\tB-LOC\nno:er\tO\n", None),
        ("ar", "ar:x:y\tO\nar:\u200f\tO\n", None),
        ("zh-classical", "zh-classical:中\tO\nzh-classical:國\tO\n", None),
        ("ar", "fa:x\tO\nfa:y\tO\n", r"train:1: tokens begin with 'fa:'.*than 'ar'.*or --lang fa"),
        ("zh", "zh-classical:中\tO\nzh-classical:國\tO\n", "train:1: tokens begin with 'zh-classical:'"),
        ("zh-classical", "zh:中\tO\nzh:國\tO\n", "train:1: tokens begin with 'zh:'"),
        ("en", "simple:a\tO\nsimple:b\tO\n", "train:1: tokens begin with 'simple:'"),
        ("nb", "no:Oslo\tB-LOC\nno:er\tO\nnn:ein\tO\n", "train:3: expected 'no:' before the token"),
        ("ar", "ar:a\tO\nb\tO\n", "train:2: expected 'ar:' before the token"),
        ("ar", "x\tO\n" * 50 + "ar:a\tO\n" * 20, "train:51: 20 of 70 rows begin with the language prefix 'ar:'"),
        ("ar", "x\tO\ny\tO\nz\tO\nar:a\tO\n", None),  # a token of this form
    ],
)
def test_language_prefixes(write: WriteFile, lang: str, rows: str, complaint: str | None) -> None:
    path = write(f"{lang}/train", rows)
    for read in (read_labelled, read_unlabelled):
        if complaint is None:
            read(path, WIKIANN, lang)
        else:
            with pytest.raises(UserError, match=complaint):
                read(path, WIKIANN, lang)
    if complaint is None and rows.startswith(("no:", "ar:", "zh-")):
        (text,) = read_unlabelled(path, WIKIANN, lang).texts
        assert text.tokens in (("Oslo", "er"), ("x:y", "\u200f"), ("中", "國"))


def test_prefixes_in_own_files(write: WriteFile) -> None:
    assert read_text(write("x.conll", "no:Oslo B-LOC\nno:er O\n"), "no")[0].texts[0].tokens == ("Oslo", "er")
    with pytest.raises(UserError, match=r"y\.conll:1: tokens begin with 'no:'"):
        read_text(write("y.conll", "no:Oslo\nno:er\n"), "de")
