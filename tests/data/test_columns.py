from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS
from msd_ray.data.columns import read_labelled, read_unlabelled
from msd_ray.data.sentences import Sentence, Text

WriteFile = Callable[..., Path]

CONLL, WIKIANN, MLOWNER = DATASETS["conll"], DATASETS["wikiann"], DATASETS["mlowner"]

ENG = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
German JJ I-NP I-MISC
call NN I-NP O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER
John NNP I-NP B-PER
"""
ENG_SENTENCES = (
    Sentence(("EU", "rejects", "German", "call"), ("B-ORG", "O", "B-MISC", "O")),
    Sentence(("Peter", "Blackburn", "John"), ("B-PER", "I-PER", "B-PER")),
)


def test_conll_2003_english(write: WriteFile) -> None:
    read = read_labelled(write("eng.train", ENG), CONLL, "en")
    assert read.sentences == ENG_SENTENCES
    assert read.documents == 1


@pytest.mark.parametrize(
    "text",
    [
        ENG.replace("\n", "\r\n"),
        ENG.rstrip("\n"),
        "\ufeff" + ENG,
        ENG + "\n\n \n\t\n",
        ENG.replace("O O\n\n", "O O\n"),  # no blank line behind -DOCSTART-
        ENG.replace(" ", "\t"),
        ENG.replace("I-ORG\n", "I-ORG \n"),
        ENG.replace("call NN I-NP O\n\nPeter", "call NN I-NP O\n-DOCSTART- -X- O O\nPeter"),
        ENG.replace("German JJ I-NP", "German JJ").replace("call NN", "call call NN x y"),  # ragged rows
    ],
    ids=["CRLF", "no last newline", "BOM", "blank end", "DOCSTART", "tabs", "trailing", "DOCSTART2", "ragged"],
)
def test_the_same_sentences_however_they_are_written(write: WriteFile, text: str) -> None:
    path = write("eng.train", text)
    assert read_labelled(path, CONLL, "en").sentences == ENG_SENTENCES
    texts = read_unlabelled(path, CONLL, "en").texts
    assert texts == tuple(Text(sentence.tokens) for sentence in ENG_SENTENCES)


def test_conll_2003_german_is_latin_1_with_a_lemma(write: WriteFile) -> None:
    text = "Die die ART I-NC O\nGrünen Grüne NN B-NC I-ORG\nin in APPR I-PC O\nKöln Köln NE B-NC I-LOC\n"
    expected = (Sentence(("Die", "Grünen", "in", "Köln"), ("O", "B-ORG", "O", "B-LOC")),)
    assert read_labelled(write("deu.train", text, "latin-1"), CONLL, "de").sentences == expected
    assert read_labelled(write("de/train.txt", text, "utf-8"), CONLL, "de").sentences == expected


def test_conll_2002(write: WriteFile) -> None:
    spanish = "Melbourne B-LOC\n( O\nAustralia B-LOC\n) O\n\nel O\nniño O\n"
    read = read_labelled(write("esp.train", spanish, "latin-1"), CONLL, "es")
    assert read.sentences[0].labels == ("B-LOC", "O", "B-LOC", "O")
    assert read.sentences[1].tokens == ("el", "niño")
    dutch = "-DOCSTART- -DOCSTART- O\nDe Art O\nGent N B-LOC\n\nVan Prep B-PER\nDamme N I-PER\n"
    read = read_labelled(write("ned.train", dutch, "latin-1"), CONLL, "nl")
    assert [sentence.tokens for sentence in read.sentences] == [("De", "Gent"), ("Van", "Damme")]
    assert read.sentences[1].labels == ("B-PER", "I-PER")
    assert read.documents == 1


def test_a_no_break_space_is_no_column(write: WriteFile) -> None:
    read = read_labelled(write("esp.train", "1\xa0000 O\n\u2003 O\n", "utf-8"), CONLL, "es")
    assert read.sentences == (Sentence(("1\xa0000", "\u2003"), ("O", "O")),)


def test_multiconer(write: WriteFile) -> None:
    text = "# id cd66-1\tdomain=train\n# _ _ O\nwwe _ _ B-CORP\n\n\n# id cd66-2\tdomain=train\nx _ _ O\n# id 3\ny _ _ O"
    read = read_labelled(write("tr_train.conll", text), MLOWNER, "tr")
    assert read.sentences == (
        Sentence(("#", "wwe"), ("O", "B-CORP")),
        Sentence(("x",), ("O",)),
        Sentence(("y",), ("O",)),
    )


WIKIANN_SENTENCES = (
    Sentence(("جائزة", "نوبل"), ("B-ORG", "I-ORG")),
    Sentence(("ar:x", "a b", ":"), ("O", "O", "B-LOC")),
)


def test_wikiann_with_and_without_the_language(write: WriteFile) -> None:
    rows = ["جائزة\tB-ORG", "نوبل\tI-ORG", "", "ar:x\tO", "a b\tO", ":\tB-LOC", ""]
    bare = write("train-ar.tsv", "\n".join(rows))
    prefixed = write("ar/train", "\n".join(f"ar:{row}" if row else row for row in rows))
    for path in (bare, prefixed):
        assert read_labelled(path, WIKIANN, "ar").sentences == WIKIANN_SENTENCES
        assert [text.tokens for text in read_unlabelled(path, WIKIANN, "ar").texts] == [
            sentence.tokens for sentence in WIKIANN_SENTENCES
        ]


def test_wikiann_keeps_entities_that_begin_with_i(write: WriteFile) -> None:
    text = "zh:中\tB-LOC\nzh:国\tI-LOC\n\nzh:李\tI-PER\nzh:白\tI-PER\n\nzh:京\tB-LOC\n"
    read = read_labelled(write("zh/train", text), WIKIANN, "zh")
    assert read.sentences[1].labels == ("I-PER", "I-PER")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        (
            "eng.train",
            "EU NNP I-NP I-ORG\nrejects\n",
            r"eng\.train:2: expected a row 'token \.\.\. label', found 'rejects'",
        ),
        ("eng.train", "EU I-ORG\n\nx I-ORGS\n", r"eng\.train:3: unknown label 'I-ORGS'.*O, B-PER, I-PER"),
        ("eng.train", "EU I-ORG\n _ _ O\n", r"eng\.train:2: expected a row"),
        ("eng.train", "", r"eng\.train: contains no sentence"),
        ("eng.train", "\n-DOCSTART- -X- O O\n\n", r"eng\.train: contains no sentence"),
    ],
)
def test_malformed_conll(write: WriteFile, name: str, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        read_labelled(write(name, text), CONLL, "en")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ar:a\tO\nar:b O\n", r"train:2: expected a row 'token<TAB>label'"),
        ("ar:a\tO\nb\tO\n", r"train:2: expected 'ar:' before the token"),
        ("ar:a\tO\nar:b\tB-MISC\n", r"train:2: unknown label 'B-MISC'"),
        ("ar:a\tO\nar:b\t\n", r"train:2: expected a row 'token<TAB>label', found 'ar:b\\t'"),
    ],
)
def test_malformed_wikiann(write: WriteFile, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        read_labelled(write("ar/train", text), WIKIANN, "ar")


def test_no_utf_8_outside_conll_is_an_error_with_its_line(write: WriteFile) -> None:
    path = write("tr_train.conll", "x _ _ O\n\nçay _ _ O\n", "latin-1")
    for read in (read_labelled, read_unlabelled):
        with pytest.raises(UserError, match=r"tr_train\.conll:3: not UTF-8 text"):
            read(path, MLOWNER, "tr")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*: Is a directory"):
        read_labelled(tmp_path, CONLL, "en")


def test_unlabelled_rows_need_a_token(write: WriteFile) -> None:
    with pytest.raises(UserError, match=r"eng\.train:2: expected a row 'token \.\.\. label', found ' b O'"):
        read_unlabelled(write("eng.train", "a O\n b O\n"), CONLL, "en")
    with pytest.raises(UserError, match="contains no sentence"):
        read_unlabelled(write("eng.train", "\n\n"), CONLL, "en")
