"""The sample corpus's files: how a small one is filled, and how a faulty one is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from msd_ray.common.errors import UserError
from msd_ray.data.sample import SPLIT_SIZES
from msd_ray.data.sample.generate import generate_split, read_sample_text
from msd_ray.data.sentences import Sentence


def small_text() -> dict[str, dict[str, dict[str, object]]]:
    def split() -> dict[str, object]:
        return {
            "slots": {
                "PER": ["Ada Lovelace", "Alan Turing"],
                "LOC": ["York", "Bath"],
                "ORG": ["IBM"],
                "LOC.river": ["Nile"],
                "YEAR": ["1900", "1910"],
            },
            "patterns": ["{PER} met {PER} in {LOC} .", "{ORG} left {LOC.river} in {YEAR} ."],
        }

    document: dict[str, object] = {"language": "en", "joiner": " "}
    document["splits"] = {name: split() for name in SPLIT_SIZES}
    return document  # type: ignore[return-value]


def write(directory: Path, document: object) -> Path:
    path = directory / "xx.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_filling_a_small_text(tmp_path: Path) -> None:
    text = read_sample_text(write(tmp_path, small_text()))
    sentences = generate_split(text, "dev", 6)
    assert set(sentences) == {
        Sentence(
            (*a.split(), "met", *b.split(), "in", place, "."),
            ("B-PER", "I-PER", "O", "B-PER", "I-PER", "O", "B-LOC", "O"),
        )
        for a, b in (("Ada Lovelace", "Alan Turing"), ("Alan Turing", "Ada Lovelace"))
        for place in ("York", "Bath")
    } | {
        Sentence(("IBM", "left", "Nile", "in", year, "."), ("B-ORG", "O", "B-LOC", "O", "O", "O"))
        for year in ("1900", "1910")
    }


def test_more_sentences_than_the_text_can_give(tmp_path: Path) -> None:
    text = read_sample_text(write(tmp_path, small_text()))
    with pytest.raises(UserError, match=r"en\.yaml: splits\.dev: only 6 different sentences of 7"):
        generate_split(text, "dev", 7)


def test_a_text_without_spaces_is_cut_into_characters(tmp_path: Path) -> None:
    document = small_text()
    document["joiner"] = ""  # type: ignore[assignment]
    document["splits"]["dev"] = {
        "slots": {"PER": ["史蒂夫·乔布斯"], "LOC": ["北京"], "ORG": ["AT&T公司"]},
        "patterns": ["{PER}于1998年到{LOC}，{ORG}。"],
    }
    (sentence,) = generate_split(read_sample_text(write(tmp_path, document)), "dev", 1)
    assert sentence.tokens == (*"史蒂夫·乔布斯于", "1998", *"年到北京，", "AT&T", *"公司。")
    assert sentence.labels == (
        "B-PER",
        *["I-PER"] * 6,
        *["O"] * 4,
        "B-LOC",
        "I-LOC",
        "O",
        "B-ORG",
        "I-ORG",
        "I-ORG",
        "O",
    )


Change = Callable[[dict[str, dict[str, dict[str, object]]]], object]
FAULTS: dict[str, tuple[Change, str]] = {
    "no dev split": (lambda d: d["splits"].pop("dev"), r"splits\.dev: Field required"),
    "a number for a year": (
        lambda d: d["splits"]["test"]["slots"].update(YEAR=[1900]),  # type: ignore[attr-defined]
        r"splits\.test\.slots\.YEAR\.0: Input should be a valid string \(got 1900",
    ),
    "an unknown slot": (
        lambda d: d["splits"]["train"].update(patterns=["{PER} {CITY}"]),
        r"splits\.train\.patterns: '\{PER\} \{CITY\}': the split has no slot CITY",
    ),
    "a broken placeholder": (
        lambda d: d["splits"]["train"].update(patterns=["{PER in {LOC}"]),
        r"splits\.train\.patterns: .*: a placeholder is \{SLOT\}",
    ),
    "two spaces": (
        lambda d: d["splits"]["train"].update(patterns=["{PER}  in {LOC}"]),
        r"splits\.train\.patterns: .*single spaces",
    ),
    "an unused slot": (
        lambda d: d["splits"]["train"].update(patterns=["{PER} in {LOC} {ORG} {LOC.river}"]),
        r"splits\.train\.slots: no pattern uses YEAR",
    ),
    "too few forms": (
        lambda d: d["splits"]["train"].update(patterns=["{ORG} and {ORG}"]),
        r"splits\.train\.patterns: .*: ORG occurs more often than it has forms",
    ),
    "a pattern twice": (
        lambda d: d["splits"]["train"].update(patterns=["{ORG} ."] * 2),
        r"splits\.train\.patterns: a pattern occurs twice",
    ),
    "a form twice": (
        lambda d: d["splits"]["train"]["slots"].update(ORG=["IBM", "IBM"]),  # type: ignore[attr-defined]
        r"splits\.train\.slots\.ORG: needs at least one form and none twice",
    ),
    "no organisations": (
        lambda d: d["splits"]["train"]["slots"].pop("ORG"),  # type: ignore[attr-defined]
        r"splits\.train\.slots: no slot of type ORG",
    ),
    "a slot in lower case": (
        lambda d: d["splits"]["train"]["slots"].update(org=["IBM"]),  # type: ignore[attr-defined]
        r"splits\.train\.slots\.org: a slot's name is upper case",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_named_with_its_key(fault: str, tmp_path: Path) -> None:
    document = small_text()
    change, message = FAULTS[fault]
    change(document)
    with pytest.raises(UserError, match=rf"xx\.yaml: {message}"):
        read_sample_text(write(tmp_path, document))


def test_a_missing_file_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"xx\.yaml: no such file"):
        read_sample_text(tmp_path / "xx.yaml")
    (tmp_path / "xx.yaml").write_text("splits: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"xx\.yaml: not valid YAML"):
        read_sample_text(tmp_path / "xx.yaml")
