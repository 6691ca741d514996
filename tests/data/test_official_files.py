"""`data check` of the official files, and of copies that differ from them in what does not matter."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from official_files import write_official

from msd_ray.common.errors import UserError
from msd_ray.data.__main__ import main
from msd_ray.data.bio import EntityCount
from msd_ray.data.catalogue import DATASETS, Split
from msd_ray.data.inventory import SplitCount, count_splits
from msd_ray.data.load import load_target

WriteFile = Callable[..., Path]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def check(directory: Path, dataset: str, *langs: str) -> int:
    return main(["check", "--dataset", dataset, "--data-dir", str(directory), *(["--lang", *langs] if langs else [])])


@pytest.mark.parametrize("dataset", ["conll", "wikiann", "mlowner"])
def test_official_files_match(tmp_path: Path, capsys: pytest.CaptureFixture[str], dataset: str) -> None:
    for lang in DATASETS[dataset].languages:
        write_official(tmp_path, dataset, lang)
    assert check(tmp_path, dataset) == 0
    output = capsys.readouterr().out
    sampled = 4 if dataset == "mlowner" else 0
    assert output.count(" match ") == 12 - sampled
    assert output.count(" sampled ") == sampled
    for note in {
        "conll": (
            "nl train: the same sentences; 287 -DOCSTART- lines, Table 1 counts none.",
            "es train: the same entities, 1 of which begin with I-.",
            "de test: deu.testb: read as ISO-8859-1, not UTF-8.",
        ),
        "wikiann": (
            "ar train: the public files have one entity more than Table 1.",
            "ar dev: the public files have one entity more than Table 1.",
            "zh train: the same entities, 9 of which begin with I-.",
        ),
        "mlowner": (),
    }[dataset]:
        assert note in output
    assert "leaves them out" not in output


def test_the_sample_needs_no_files() -> None:
    assert main(["check", "--dataset", "sample"]) == 0


@pytest.mark.parametrize(
    ("name", "change", "note"),
    [
        ("eng.testa", lambda text: text.partition("\n\n")[2], "215 -DOCSTART- lines, Table 1 counts 216"),
        ("eng.testa", lambda text: f"{text}\n-DOCSTART- -X- O O\n\n", "217 -DOCSTART- lines, Table 1 counts 216"),
        (
            "eng.testa",
            lambda text: text.replace("-DOCSTART- -X- O O\n\n", ""),
            "0 -DOCSTART- lines, Table 1 counts 216",
        ),
        ("ned.testa", lambda text: text.partition("\n")[2], "73 -DOCSTART- lines, Table 1 counts none"),
        ("esp.train", lambda text: text.replace(" I-LOC", " B-LOC"), None),
        ("esp.train", lambda text: text.replace(" I-LOC", " O"), "the one entity that begins with I- was changed"),
    ],
    ids=["no first DOCSTART", "last DOCSTART", "no DOCSTART", "nl", "I- to B-", "I- to O"],
)
def test_copies_that_differ_in_what_does_not_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, change: Callable[[str], str], note: str | None
) -> None:
    lang = {"eng": "en", "ned": "nl", "esp": "es"}[name[:3]]
    write_official(tmp_path, "conll", lang)
    path = tmp_path / name
    before = path.read_text("latin-1")
    path.write_text(change(before), "utf-8")
    assert path.read_text("utf-8") != before
    assert check(tmp_path, "conll", lang) == 0
    output = capsys.readouterr().out
    assert output.count(" match ") == 3
    assert "begin with I-" not in output if note is None else note in output


def test_one_sentence_or_entity_less_is_no_match(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_official(tmp_path, "conll", "nl")
    path = tmp_path / "ned.testa"
    text = path.read_text("latin-1")
    path.write_text(text[: text.rindex("\n\n")], "latin-1")
    assert check(tmp_path, "conll", "nl") == 1
    path.write_text(text.replace(" B-LOC", " O", 1), "latin-1")
    assert check(tmp_path, "conll", "nl") == 1
    assert capsys.readouterr().out.count("MISMATCH") == 2


@pytest.mark.parametrize(
    ("lang", "split", "entities", "verdict", "note"),
    [
        ("ar", "train", EntityCount(22_500, 0), "match", None),
        ("ar", "train", EntityCount(22_501, 0), "match", "the public files have one entity more than Table 1"),
        ("ar", "test", EntityCount(11_260, 0), "MISMATCH", None),
        ("ar", "train", EntityCount(22_502, 0), "MISMATCH", None),
        (
            "zh",
            "train",
            EntityCount(25_031, 9),
            "match",
            "the same entities; 9 more, which begin with I-, Table 1 does",
        ),
        ("zh", "train", EntityCount(25_022, 9), "match", "the same entities, 9 of which begin with I-"),
    ],
)
def test_entities_of_known_files(
    lang: str, split: Split, entities: EntityCount, verdict: str, note: str | None
) -> None:
    counts = DATASETS["wikiann"].counts[lang, split]
    row = SplitCount(lang=lang, split=split, expected=counts, sentences=counts.sentences, entities=entities)
    assert row.verdict == verdict
    assert [found[: len(note or "")] for found in row.differences] == ([note] if note else [])


def test_a_language_without_files_is_an_error(write: WriteFile, tmp_path: Path) -> None:
    write("ned.train", "a O\n")
    with pytest.raises(UserError, match=r"language 'de', below .*looked for names such as deu\.train.*Get the corpus"):
        check(tmp_path, "conll", "de")
    with pytest.raises(UserError, match="language 'de'"):
        check(tmp_path, "conll", "nl", "de")
    assert check(tmp_path, "conll", "nl") == 1


@pytest.mark.parametrize(("suffix", "program"), [(".gz", "gunzip -k"), (".bz2", "bunzip2 -k"), (".zip", "unzip")])
def test_compressed_files_are_named_with_their_command(
    write: WriteFile, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str, program: str
) -> None:
    packed = write(f"my files/conll2002/ned.train{suffix}", "x")
    directory = tmp_path / "my files"
    command = f"{program} '{packed}'"
    for read in (
        lambda: check(directory, "conll"),
        lambda: check(directory, "conll", "nl"),
        lambda: load_target("conll", "nl", directory),
    ):
        with pytest.raises(UserError) as caught:
            read()
        assert command in str(caught.value)
    write("my files/ned.testa", "a O\n")
    assert check(directory, "conll", "nl") == 1
    assert f"nl train: the file is compressed, unpack it: {command}" in capsys.readouterr().out


def test_a_compressed_test_file_is_no_missing_one(write: WriteFile, tmp_path: Path) -> None:
    """Final runs would be scored on the dev set instead."""
    for name in ("ned.train", "ned.testa"):
        write(name, "a O\n")
    assert not load_target("conll", "nl", tmp_path).has_test
    (tmp_path / "ned.testb.gz").write_bytes(gzip.compress(b"a O\n"))
    with pytest.raises(UserError, match=r"the test file .* is compressed\. Unpack .*gunzip -k .*ned\.testb\.gz"):
        load_target("conll", "nl", tmp_path)
    write("ned.testb", "a O\n")
    assert load_target("conll", "nl", tmp_path).has_test
    rows = {row.split: row for row in count_splits(DATASETS["conll"], tmp_path, ("nl",))}
    assert rows["test"].notes == ()
