"""`--push-to-hub` with the hub's real client against a server on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_server import COMMIT, HubServer, serve
from huggingface_hub import constants
from students import exported

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.predict.__main__ import main
from msd_ray.predict.export import load_student
from msd_ray.predict.hub import push_to_hub

NAME = "somebody/msd-sample-tr"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """An empty hub, and a user who is logged in."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    (tmp_path / "hub").mkdir()
    with serve(tmp_path / "hub") as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        yield server


@pytest.fixture
def student(tiny_encoder: EncoderFiles, tmp_path: Path) -> Path:
    exported(tiny_encoder, tmp_path / "student")
    (tmp_path / "student" / "notes.txt").write_text("not for others")
    return tmp_path / "student"


def test_the_student_is_pushed(hub: HubServer, student: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", str(student), "--push-to-hub", NAME, "--private"]) == 0
    assert capsys.readouterr().out == f"{hub.url}/{NAME}/commit/{COMMIT}\n"
    pushed = hub.directory / "somebody" / "msd-sample-tr"
    own = {path.name: path.read_bytes() for path in student.iterdir() if path.name != "notes.txt"}
    assert {path.name: path.read_bytes() for path in pushed.iterdir()} == own
    assert hub.commits == ["MSD student for tr (sample)"]
    assert hub.created[0]["visibility"] == "private"
    assert load_student(pushed, torch.device("cpu")).description.lang == "tr"


def test_pushing_again_adds_a_commit(hub: HubServer, student: Path) -> None:
    push_to_hub(student, NAME)
    push_to_hub(student, NAME)
    assert len(hub.commits) == 2
    assert "visibility" not in hub.created[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("msd-sample-tr", r"--push-to-hub msd-sample-tr: not the name of a repository. Use OWNER/NAME."),
        ("a/b/c", "not the name of a repository"),
        ("some body/x", "not the name of a repository"),
    ],
)
def test_names(hub: HubServer, student: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        push_to_hub(student, name)
    assert hub.requests == []


def test_a_hub_that_refuses(hub: HubServer, student: Path) -> None:
    hub.status = 403
    with pytest.raises(
        UserError, match=r"answers .*403.*\. Check the name, and that your token may write there"
    ) as one:
        push_to_hub(student, NAME)
    assert "\n" not in str(one.value)
    assert "hf_0123456789" not in str(one.value)


def test_a_hub_that_does_not_answer(student: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="--push-to-hub somebody/msd-sample-tr: "):
        push_to_hub(student, NAME)


def test_a_damaged_student_is_not_pushed(hub: HubServer, student: Path) -> None:
    (student / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"config\.json is damaged or was changed"):
        push_to_hub(student, NAME)
    assert hub.requests == []
