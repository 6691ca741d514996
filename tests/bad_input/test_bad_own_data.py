"""Files of a user's own that are not what their options say: one message with file and line, nothing written."""

from pathlib import Path

import pytest
from tune_command import message

from msd_ray.ablate import main as ablate
from msd_ray.common.errors import UserError

ROW = "Aspirin B-DRUG\nhelps O\n\n"


@pytest.fixture
def own(small: list[str], tmp_path: Path) -> list[str]:
    """A command line on own files that would run."""
    (tmp_path / "en.conll").write_text(ROW * 20)
    (tmp_path / "ar.txt").write_text("دواء مفيد.\n" * 9)
    place = small.index("--dataset")
    return [
        *small[:place],
        *small[place + 2 :],
        *("--source", str(tmp_path / "en.conll"), "--target-text", str(tmp_path / "ar.txt"), "--lang", "ar"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("en.conll", ROW * 20 + "flu VIRUS\n", "en.conll:61: unknown label 'VIRUS'. A label is O, or a prefix"),
        ("en.conll", ROW * 20 + "flu S-DRUG\ncold U-DRUG\n", "en.conll: mixed label schemes: "),
        ("en.conll", ROW, "en.conll: 1 sentences are too few to hold out a tenth as the dev set. Give --source-dev."),
        ("ar.txt", "دواء\n\nدواء\n", "ar.txt:2: an empty line. Write one sentence per line."),
        ("ar.txt", "دواء\n" + "x" * 10_001, "ar.txt:2: a line of 10,001 characters; at most 10,000 are read."),
        ("ar.txt", "دواء\nword\tB-PER\n", "ar.txt:2: labelled text: 'word\\tB-PER'."),
    ],
)
def test_malformed_files(own: list[str], runs: Path, tmp_path: Path, name: str, content: str, expected: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    text = message(own)
    assert text.startswith(f"{tmp_path}/{expected}")
    assert not runs.exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("دواء\n", "scored.conll:1: expected a row"),
        ("دواء B-VIRUS\n", "scored.conll:1: entity type VIRUS does not occur in"),
        ("دواء O\n", "scored.conll: every label is O"),
    ],
)
@pytest.mark.parametrize("option", ["--target-test", "--target-dev"])
def test_labelled_target_files_that_cannot_be_scored(
    own: list[str], runs: Path, tmp_path: Path, content: str, expected: str, option: str
) -> None:
    """Told before anything is trained, also where no target label selects."""
    (tmp_path / "en.conll").write_text(ROW * 20)
    (tmp_path / "ar.txt").write_text("دواء\n", encoding="utf-8")
    (tmp_path / "scored.conll").write_text(content, encoding="utf-8")
    text = message([*own, option, str(tmp_path / "scored.conll"), "--select-on", "source"])
    assert text.startswith(f"{tmp_path}/{expected}")
    assert f"Final runs are scored on this file: give one with labels, or omit {option}." in text
    assert not runs.exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--lang", "ar", "tr"], "--target-text is text of one language, but --lang names ar, tr."),
        (["--dataset", "wikiann"], "--dataset wikiann and --source exclude each other."),
        (["--data-dir", "x"], "--data-dir applies to data sets of the catalogue, and --source gives own files."),
        (["--select-on", "target"], "--select-on target needs labelled sentences of the target."),
        (["--target-dev", "/nowhere/x.conll"], "/nowhere/x.conll: does not exist."),
    ],
)
def test_options_that_contradict_each_other(own: list[str], runs: Path, more: list[str], expected: str) -> None:
    assert message([*own, *more]).startswith(expected)
    assert not runs.exists()


def test_options_that_need_each_other(small: list[str], own: list[str], runs: Path) -> None:
    place = own.index("--target-text")
    assert message(own[:place] + own[place + 2 :]).startswith("--source needs --target-text")
    place = own.index("--source")
    assert message(own[:place] + own[place + 2 :]).startswith("--target-text needs --source")
    assert message([*small, "--dataset", "own"]).startswith("--dataset own needs --source and --target-text.")
    assert not runs.exists()


def test_the_control_needs_labels_that_are_not_read(own: list[str], runs: Path) -> None:
    files = own[own.index("--source") :]
    with pytest.raises(UserError, match="--variants gold-aux needs labels of the target text"):
        ablate([*files, "--storage", str(runs), "--variants", "msd", "gold-aux", "--allow-target-labels"])
    assert not runs.exists()
