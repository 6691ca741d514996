"""`--dry-run`: what is left to do and what it costs; and what it refuses besides the other files of this folder."""

import re
from pathlib import Path

import pytest
from small_search import write_corpora

from msd_ray import ablate
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.tune import main


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The lines of a dry run of two columns, and its last line under ''."""
    assert main([*arguments, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    pairs = dict(re.split(r"  +", line, maxsplit=1) for line in lines if "  " in line)
    return {**pairs, "": lines[-1]}


def test_a_new_search_costs_all_of_its_trainings(
    small: list[str], runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = said([*small, "--trials", "3", "--teacher-trials", "2", "--seeds", "2", "--epochs", "3"], capsys)
    assert lines["teacher phase"] == "0 of 2 trials there, 2 to run"
    # 2 teachers and 3 students of the search, then two seeds of a teacher and a student; 8 sentences are one batch.
    assert re.fullmatch(
        r"at most 4 teachers and 5 students, 27 steps, about \S+ hours with \d+ at once "
        r"\(\d+ s per teacher, \d+ s per student, from a few steps on this machine\)",
        lines["cost"],
    )
    assert lines[""] == "Dry run: nothing was started or stored."
    assert not runs.exists()


def test_trials_that_fit_nowhere(small: list[str], runs: Path) -> None:
    with pytest.raises(UserError, match=r"a trial asks for 1 x 1024 CPUs and .*: lower --workers, --cpus-per-trial"):
        main([*small, "--cpus-per-trial", "1024", "--dry-run"])
    assert not runs.exists()


def test_a_cluster_that_does_not_answer(small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(UserError, match=r"no cluster answers at RAY_ADDRESS=127\.0\.0\.1:9"):
        main([*small, "--dry-run"])


def test_an_ablation(tiny_encoder: EncoderFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_corpora(tmp_path / "data")
    arguments = [
        *("--lang", "ar", "--dataset", "wikiann", "--data-dir", str(tmp_path / "data"), "--limit", "8"),
        *("--encoder", str(tiny_encoder.directory), "--epochs", "1", "--seeds", "2", "--frozen-layers", "2"),
        *("--variants", "msd", "direct", "--storage", str(tmp_path / "runs"), "--dry-run"),
    ]
    assert ablate.main(arguments) == 0
    out = capsys.readouterr().out
    assert "final phase  0 of 4 trials there, 4 to run" in out
    assert "at most 4 teachers and 2 students, 6 steps" in out
    spoiled = tmp_path / "data" / "ar" / "train"
    spoiled.write_text(spoiled.read_text(encoding="utf-8").replace("B-", "B-X"), encoding="utf-8")
    with pytest.raises(UserError, match="unknown label"):
        ablate.main([*arguments, "--allow-target-labels", "--variants", "msd", "gold-aux"])
    assert not (tmp_path / "runs").exists()
