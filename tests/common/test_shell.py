"""Commands that are printed to be pasted."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from msd_ray.common.shell import command, is_installed


def test_a_pasted_command_runs_this_interpreter_with_these_arguments(tmp_path: Path) -> None:
    argument = "it's a $HOME; `x` "
    line = command("python", "-c", "import sys; print(sys.executable); print(sys.argv[1])", argument)
    said = subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout
    assert said == f"{sys.executable}\n{argument}\n"


def test_a_program_is_named_as_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "mlflow"):
        (programs / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(tmp_path)
    assert command("mlflow", "ui") == ".venv/bin/mlflow ui"
    assert command("python") == ".venv/bin/python"
    monkeypatch.chdir(programs)
    assert command("mlflow") == "./mlflow"
    monkeypatch.chdir(os.sep + "proc")
    assert command("mlflow") == shlex.quote(str(programs / "mlflow"))
    monkeypatch.setenv("PATH", str(programs))
    assert command("mlflow", Path("a b")) == "mlflow 'a b'"
    assert (is_installed("mlflow"), is_installed("optuna-dashboard")) == (True, False)
