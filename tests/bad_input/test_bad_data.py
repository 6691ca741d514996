"""Corpora and search spaces that a user can get wrong: one message, nothing written."""

import subprocess
import sys
from pathlib import Path

import pytest
from tune_command import SENTENCE, UNREACHABLE, message

from msd_ray import ablate
from msd_ray.common.errors import UserError
from msd_ray.tune import main


def test_unknown_language_with_a_suggestion(small: list[str], runs: Path) -> None:
    assert "no language 'turkish' (did you mean 'tr'?)" in message([*small, "--lang", "turkish"])
    text = message([*small, "--lang", "tr", "xx"])
    assert "data set 'sample' has no language 'xx'" in text
    assert "en, de, es, nl, ar, hi, zh, ko, ru, tr" in text
    assert not runs.exists()


def test_an_unknown_language_is_refused_before_anything_is_loaded_or_asked(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom msd_ray.tune import main\n"
        "try: main(['--lang', 'arr'])\nexcept Exception as error: print(error)\n"
        "print([name for name in ('torch', 'ray', 'mlflow', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    said, loaded = done.stdout.splitlines()
    assert said.startswith(
        "data set 'wikiann' has no language 'arr' (did you mean 'ar'?): choose one of en, ar, hi, zh"
    )
    assert loaded == "[]"


def test_a_language_of_own_files_that_is_none(small: list[str], runs: Path) -> None:
    own = ["--source", "en.conll", "--target-text", "ar.txt", *small]
    own[own.index("sample")] = "own"
    assert "--lang turkish: is not a language code (did you mean 'tr'?)" in message([*own, "--lang", "turkish"])
    assert not runs.exists()


def test_unknown_data_set_with_a_suggestion(small: list[str], runs: Path) -> None:
    text = message([*small, "--dataset", "wikian"])
    assert "unknown data set 'wikian' (did you mean 'wikiann'?)" in text
    # Square brackets are markup to the library that prints.
    assert "unknown data set '[/bold]'" in message([*small, "--dataset", "[/bold]"])
    assert not runs.exists()


def test_missing_directories(small: list[str], runs: Path, tmp_path: Path) -> None:
    conll = [*small, "--dataset", "conll", "--lang", "nl"]
    assert "is read from files" in message(conll)
    assert "nowhere does not exist" in message([*conll, "--data-dir", str(tmp_path / "nowhere")])
    (tmp_path / "empty").mkdir()
    text = message([*conll, "--data-dir", str(tmp_path / "empty")])
    assert "no train file" in text
    assert "ned.train" in text
    (tmp_path / "file").touch()
    assert "file is not a directory" in message([*conll, "--data-dir", str(tmp_path / "file")])
    assert not runs.exists()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("eng.train", b"", "eng.train: contains no sentence"),
        ("ned.train", b"\n\n", "ned.train: contains no sentence"),
        ("eng.testa", f"{SENTENCE}Rome\n".encode(), "eng.testa:5: expected a row"),
        ("ned.testa", f"{SENTENCE}\nRome B-CITY\n".encode(), "ned.testa:6: unknown label 'B-CITY'"),
        ("eng.train", f"{SENTENCE}Rome PER-B\n".encode(), "eng.train:5: unknown label 'PER-B'"),
    ],
)
def test_broken_files(small: list[str], runs: Path, corpus: Path, name: str, content: bytes, expected: str) -> None:
    (corpus / name).write_bytes(content)
    text = message([*small, "--dataset", "conll", "--lang", "nl", "--data-dir", str(corpus)])
    assert text.startswith(str(corpus / name))
    assert expected in text
    assert not runs.exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Anna\nlives\n\nOslo\n", "ned.testb:1: expected a row"),  # as XTREME publishes test files
        (b"Anna B-PER\nlives\n", "ned.testb:2: expected a row"),
        (b"Anna B-PERSON\n", "ned.testb:1: unknown label 'B-PERSON'"),
        (b"Anna 1\nlives 0\n", "ned.testb:1: unknown label '1'"),
        (b"\n\n", "ned.testb: contains no sentence"),
    ],
)
def test_test_files_that_cannot_be_scored(
    small: list[str], runs: Path, corpus: Path, content: bytes, expected: str
) -> None:
    """Told before anything is trained."""
    (corpus / "ned.testb").write_bytes(content)
    text = message([*small, "--dataset", "conll", "--lang", "nl", "--data-dir", str(corpus)])
    assert text.startswith(str(corpus / "ned.testb"))
    assert expected in text
    assert "Final runs are scored on this file: give one with labels, or move it away" in text
    assert not runs.exists()
    (corpus / "ned.testb").unlink()
    assert main([*small, "--dataset", "conll", "--lang", "nl", "--data-dir", str(corpus), "--dry-run"]) == 0


def test_the_sources_test_file_of_an_ablation(small: list[str], runs: Path, corpus: Path) -> None:
    """A teacher is scored on it."""
    (corpus / "eng.testb").write_text("Anna\nlives\n")
    where = ["--dataset", "conll", "--lang", "nl", "--data-dir", str(corpus)]
    assert main([*small, *where, "--dry-run"]) == 0
    with pytest.raises(UserError, match=r"eng\.testb:1: expected a row .*scored on this file"):
        ablate.main([*_without(small, "--space", "--trials", "--confirm", "--rows"), *where, "--dry-run"])
    assert not runs.exists()


def _without(arguments: list[str], *flags: str) -> list[str]:
    """The arguments without these options and their values."""
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return [text for pair in pairs if pair[0] not in flags for text in pair]


def test_undecodable_text_with_its_line(small: list[str], tmp_path: Path) -> None:
    for lang in ("en", "tr"):
        (tmp_path / lang).mkdir()
        for split in ("train", "dev"):
            (tmp_path / lang / f"{lang}_{split}.conll").write_text("a _ _ O\n")
    broken = tmp_path / "tr" / "tr_dev.conll"
    broken.write_bytes(b"a _ _ O\n\xff\xfe _ _ O\n")
    text = message([*small, "--dataset", "mlowner", "--data-dir", str(tmp_path)])
    assert f"{broken}:2: not UTF-8" in text


def test_unreachable_hub_for_a_corpus(small: list[str], runs: Path, no_hub: Path) -> None:
    text = message([*small, "--dataset", "wikiann"])
    assert f"cannot reach the hub for tr/train-00000-of-00001.parquet of unimelb-nlp/wikiann on {UNREACHABLE}" in text
    assert "--data-dir" in text
    assert not runs.exists()


SPACE = """\
description: A space.
teacher:
  learning_rate: 5e-5
  alpha: 0.05
student:
  learning_rate: {low: 2e-5, high: 2e-4, log: true}
  beta: {low: 0.01, high: 10}
  alpha_prime: 0.001
  beta_prime: 0.001
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("  beta:", "  betta:", 7, "`student.betta`: unknown key; did you mean `beta`?"),
        ("alpha: 0.05", "alpha: -1", 4, "`teacher.alpha`: given -1, must be greater than or equal to 0"),
        ("learning_rate: 5e-5", "learning_rate: 5", 3, "`teacher.learning_rate`: given 5, must be less than 1"),
        ("low: 2e-5, high: 2e-4, log", "low: 2e-5, log", 6, "`student.learning_rate.high`: is missing"),
        ("low: 0.01, high: 10", "low: 10, high: 0.01", 7, "`student.beta.low`: given 10, must be smaller than high"),
        ("beta_prime: 0.001", "beta_prime: [", 10, "not well-formed YAML"),
        ("teacher:\n", "\tteacher:\n", 2, "not well-formed YAML"),
    ],
)
def test_broken_search_spaces(
    small: list[str], runs: Path, tmp_path: Path, old: str, new: str, line: int, expected: str
) -> None:
    assert SPACE.count(old) == 1
    space = tmp_path / "own.yaml"
    space.write_text(SPACE.replace(old, new))
    text = message([*small, "--space", str(space)])
    assert f"{space}:{line}: " in text
    assert expected in text
    assert not runs.exists()


def test_a_search_space_that_is_not_there(small: list[str], runs: Path, tmp_path: Path) -> None:
    assert "did you mean `student`?" in message([*small, "--space", "studnt"])
    assert "no such file" in message([*small, "--space", str(tmp_path / "own.yaml")])
    assert not runs.exists()
