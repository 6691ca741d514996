"""Mistakes as a user meets them: a process with one message and exit code 2."""

from pathlib import Path

import pytest
from tune_command import UNREACHABLE, message, run

from msd_ray.common.errors import UserError, run_command


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [(UserError("no such\nthing"), 2, "error: no such\nthing\n"), (KeyboardInterrupt(), 130, "interrupted\n")],
)
def test_exit_codes(raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise raised

    with pytest.raises(SystemExit) as caught:
        run_command(command)
    assert caught.value.code == code
    assert capsys.readouterr() == ("", said)
    with pytest.raises(ZeroDivisionError):  # a mistake of the program's own is not hidden
        run_command(lambda: 1 // 0)


def test_a_mistake_is_one_message_and_exit_code_2(small: list[str], runs: Path) -> None:
    done = run([*small, "--mlflow-uri", UNREACHABLE])
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: MLflow at {UNREACHABLE} does not work")
    assert len(done.stderr.splitlines()) == 1
    assert not runs.exists()


def test_a_directory_that_is_too_deep_for_rays_sockets(
    small: list[str], runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (deep := tmp_path / ("x" * 80)).mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    assert "run `export RAY_TMPDIR=/tmp`" in message(small)
    assert not runs.exists()


def test_a_mistake_in_the_options_is_told_like_any_other(small: list[str]) -> None:
    done = run([*small, "--trials", "many"])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: argument --trials: invalid int value: 'many'")
    assert len(done.stderr.splitlines()) == 1


def test_a_hub_that_the_environment_names_is_not_reached(small: list[str], runs: Path, tmp_path: Path) -> None:
    done = run([*small, "--encoder", "some/bert"], HF_ENDPOINT=UNREACHABLE, HF_HOME=str(tmp_path / "hf"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: encoder some/bert: cannot get it from {UNREACHABLE}")
    assert len(done.stderr.splitlines()) == 1
    assert not runs.exists()


def test_off_a_terminal_a_dry_run_prints_whole_plain_lines(small: list[str], runs: Path, tmp_path: Path) -> None:
    storage = tmp_path / ("a-long-name-" * 15) / "[red]runs"
    done = run([*small, "--lang", "tr", "ar", "--storage", str(storage), "--dry-run"], COLUMNS="60", TERM="xterm")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == "Reading sample, en to tr, ar ..."
    assert lines[-1] == "Dry run: nothing was started or stored."
    assert lines.count(f"{'storage':18}{storage}") == 2
    assert lines.count(f"{'studies':18}sqlite:///{storage}/studies.db") == 2
    assert {f"{'study':18}sample-{lang}: sample, en to {lang}" for lang in ("tr", "ar")} <= set(lines)
    assert not storage.parent.exists()
