"""`msd-ray COMMAND` and `python -m msd_ray COMMAND`."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from msd_ray.__main__ import COMMANDS, main
from msd_ray.common.errors import UserError


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"python -m msd_ray.{command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"msd-ray {metadata.version('msd-ray')}\n"


def test_local_cluster_with_a_hyphen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["local-cluster", "--help"])
    assert "start" in capsys.readouterr().out


def completed(script: str, *words: str) -> set[str]:
    """What bash offers for the last of these words."""
    listing = f"COMP_WORDS=(msd-ray {' '.join(words)}); COMP_CWORD={len(words)}; _shtab_msd_ray; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", f"{script}\n{listing}"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_bash_completes_commands_and_options(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--print-completion", "bash"]) == 0
    script = capsys.readouterr().out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert completed(script, "re") == {"report"}
    assert completed(script, "tune", "--tri") == {"--trials"}
    assert completed(script, "ablate", "--pairing", "") == {"length", "random"}
    assert completed(script, "storage", "prune", "--dele") == {"--delete"}
    (tmp_path / "corpora").mkdir()
    monkeypatch.chdir(tmp_path)
    assert completed(script, "data", "check", "--data-dir", "co") == {"corpora"}


@pytest.mark.parametrize("arguments", [[], ["ksh"]])
def test_a_shell_without_completion(arguments: list[str]) -> None:
    with pytest.raises(UserError, match=r"unknown shell. Choose from bash, zsh, "):
        main(["--print-completion", *arguments])


def test_an_unknown_command() -> None:
    with pytest.raises(UserError, match=r"unknown command 'tume'; choose from tune, ablate, report"):
        main(["tume"])


def test_in_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "msd_ray", "data", "list"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "sample" in done.stdout
    wrong = subprocess.run(
        [sys.executable, "-m", "msd_ray", "tune"], capture_output=True, text=True, check=False, timeout=120
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: ")
