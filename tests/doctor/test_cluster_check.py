"""`python -m msd_ray.doctor --cluster-files`, as a user meets it."""

import subprocess
import sys
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.doctor.__main__ import main

ROOT = Path(__file__).parents[2]
CONSTRAINTS = str(ROOT / "constraints.txt")


def check(*files: str, ready: bool = False) -> int:
    return main(["--constraints", CONSTRAINTS, *(["--ready"] if ready else []), "--cluster-files", *files])


def test_the_command_in_a_process(tmp_path: Path) -> None:
    wrong = tmp_path / "local.yaml"
    text = (ROOT / "cluster/local.yaml").read_text()
    wrong.write_text(text.replace("RAY_AUTH_MODE=token", "RAY_AUTH_MODE=off", 1))
    command = [sys.executable, "-m", "msd_ray.doctor", "--cluster-files", "cluster/local.yaml", "cluster/compose.yaml"]
    right = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert (right.returncode, right.stderr) == (0, "")
    assert (
        "cluster/local.yaml:11: to set: provider.head_ip: CHANGE-ME-HEAD: replace it with your own value"
        in right.stdout
    )
    done = subprocess.run([*command, str(wrong)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert done.stderr.startswith("error: 1 problem\n")
    assert f"{wrong}:28: docker.run_options: RAY_AUTH_MODE=token is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_ready_means_no_placeholder(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(ROOT / "cluster/services.yaml")) == 0
    with pytest.raises(UserError, match="2 problems") as caught:
        check(str(ROOT / "cluster/services.yaml"), ready=True)
    assert "spec.storageClassName: CHANGE-ME: replace it with your own value" in str(caught.value)
    assert "2 problems" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "not well-formed YAML"),
        ("", "is not a launcher YAML"),
        ("- 1", "is not a launcher YAML"),
        ("description: a search space", "is not a launcher YAML"),
        ("a: &b 1\nc: *b", "aliases"),
        ("a: 1\na: 2", "stands twice"),
    ],
)
def test_a_file_for_something_else(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        check(str(path))


def test_a_value_steers_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "local.yaml"
    text = (ROOT / "cluster/local.yaml").read_text()
    path.write_text(text.replace("head_ip: CHANGE-ME-HEAD", 'head_ip: "\\e[2JCHANGE-ME-HEAD"'))
    assert check(str(path)) == 0
    said = capsys.readouterr().out
    assert r"\x1b[2JCHANGE-ME-HEAD: replace" in said
    assert "\x1b" not in said


def test_a_value_makes_no_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    text = (ROOT / "cluster/services.yaml").read_text()
    forged = '"0.0.0.0/0\\nservices.yaml: no problems"'
    path.write_text(text.replace("storageClassName: CHANGE-ME", f"storageClassName: {forged}"))
    with pytest.raises(UserError, match="1 problem") as caught:
        check(str(path))
    assert r"0.0.0.0/0\nservices.yaml: no problems is open to other networks" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        check(str(tmp_path / "missing.yaml"))


@pytest.mark.parametrize(("text", "said"), [(None, "cannot be read"), ("torch==2.13.0\n", "pins no release of Ray")])
def test_constraints_without_ray(text: str | None, said: str, tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    if text is not None:
        constraints.write_text(text)
    with pytest.raises(UserError, match=f"{said}.*--constraints"):
        main(["--cluster-files", str(ROOT / "cluster/local.yaml"), "--constraints", str(constraints)])
