from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.label_schemes import bio2_labels, entity_types, to_bio2
from msd_ray.data.rows import Row, RowFile

BIO2 = "B-DRUG I-DRUG I-DRUG O B-DISEASE B-DISEASE B-DRUG"
SCHEMES = {
    "BIO2": BIO2,
    "IOB1": "I-DRUG I-DRUG I-DRUG O I-DISEASE B-DISEASE I-DRUG",
    "IOBES": "B-DRUG I-DRUG E-DRUG O S-DISEASE S-DISEASE S-DRUG",
    "BILOU": "B-DRUG I-DRUG L-DRUG O U-DISEASE U-DISEASE U-DRUG",
}


def file(*rows: str, path: str = "x.conll") -> RowFile:
    """Sentences of these labels with a token line each, one empty line after every sentence."""
    found, line = [], 1
    for row in rows:
        labels = tuple(row.split())
        found.append(Row(tuple(f"w{place}" for place in range(len(labels))), labels, line))
        line += len(labels) + 1
    return RowFile(path=Path(path), rows=tuple(found), token_lines=True)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_becomes_the_same_bio2(scheme: str) -> None:
    sentences, found = to_bio2(file(SCHEMES[scheme], "O O"))
    assert found == scheme
    assert [sentence.labels for sentence in sentences] == [tuple(BIO2.split()), ("O", "O")]
    assert entity_types(sentences) == ("DISEASE", "DRUG")


def test_m_is_a_synonym_of_i_in_iobes() -> None:
    sentences, scheme = to_bio2(file("B-X M-X E-X S-X"))
    assert (scheme, sentences[0].labels) == ("IOBES", ("B-X", "I-X", "I-X", "B-X"))


def test_labels_of_types() -> None:
    assert bio2_labels(("A", "B.c")) == ("O", "B-A", "I-A", "B-B.c", "I-B.c")


@pytest.mark.parametrize(
    "label", ["DRUG", "B", "B-", "X-DRUG", "o", "0", "B-DRUG/X", "B_DRUG", "B-.x", "", "B-" + 61 * "x"]
)
def test_an_unknown_label_is_refused_with_its_line(label: str) -> None:
    rows = RowFile(
        path=Path("x.conll"), rows=(Row(("a",), ("O",), 1), Row(("a", "b"), ("B-X", label), 3)), token_lines=True
    )
    with pytest.raises(UserError, match=r"^x\.conll:4: unknown label .*IOBES.*BILOU"):
        to_bio2(rows)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (("S-X O", "U-X"), r"^x\.conll: mixed label schemes: x\.conll:1 has S-X and x\.conll:4 has U-X\. Convert"),
        (("S-X O", "O B-X O"), r"^x\.conll:6: mixed label schemes: B-X is followed by O, but other labels are IOBES"),
        (("U-X", "B-X I-X"), r"^x\.conll:4: .* I-X is followed by the end of the sentence, .* are BILOU"),
        (("S-X", "B-X E-Y"), r"^x\.conll:4: .* B-X is followed by E-Y"),
        (("S-X I-X",), r"^x\.conll:2: .* S-X is followed by I-X"),
        (("E-X",), r"^x\.conll:1: .* O is followed by E-X"),
    ],
)
def test_mixed_schemes_are_refused_with_their_lines(rows: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        to_bio2(file(*rows))


def test_places_in_json_and_parquet() -> None:
    row = Row(("a", "b"), ("O", "DRUG"), 7)
    for path, place in (("x.jsonl", r"x\.jsonl:7: "), ("x.parquet", r"x\.parquet: row 7: ")):
        with pytest.raises(UserError, match=f"^{place}unknown label 'DRUG'"):
            to_bio2(RowFile(path=Path(path), rows=(row,)))


def test_far_too_many_types_are_another_column() -> None:
    with pytest.raises(UserError, match=r"^x\.conll:401: more than 400 entity types"):
        to_bio2(file(" ".join(f"B-x{number}" for number in range(401))))
