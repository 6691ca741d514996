"""The hub's real client against a server on loopback: what is fetched, what is cached, one message for each fault."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from hub_server import HubServer, serve
from huggingface_hub import constants
from tiny_bert import tiny_bert_directory

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS
from msd_ray.data.encoders.sources import resolve
from msd_ray.data.hub import download, why_unreachable

UNREACHABLE = "http://127.0.0.1:9"  # the discard port: nothing listens
CARD = "---\nlicense: apache-2.0\n---\n# A tiny BERT\n"


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny/bert`, whole; `tiny/pickled`, whose weights are a pickle; `tiny/text`, which is no model."""
    root = tmp_path_factory.mktemp("hub")
    bert = tiny_bert_directory(root / "tiny" / "bert", layers=2)
    (bert / "README.md").write_text(CARD)
    (bert / "pytorch_model.bin").write_bytes(b"not to be fetched")
    (bert / "modeling_own.py").write_text("raise SystemExit('not to be fetched')")
    pickled = tiny_bert_directory(root / "tiny" / "pickled", layers=2)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    (root / "tiny" / "text").mkdir()
    (root / "tiny" / "text" / "README.md").write_text(CARD)
    return root


@pytest.fixture
def hub(repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """The server; the client's settings (read from the environment at its import) and both caches point to it."""
    monkeypatch.setenv("MSD_RAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serve(repositories) as server:
        point_to(server.url, monkeypatch)
        yield server
    why_unreachable.cache_clear()


@pytest.fixture
def silent_hub(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that accepts connections and never answers; `hub` gives the caches."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        point_to(url, monkeypatch)
        yield url


def point_to(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = urlparse(constants.HUGGINGFACE_CO_URL_TEMPLATE).path
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    why_unreachable.cache_clear()
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + files)


def message(name: str) -> str:
    """What the user sees when `resolve(name)` fails: one line."""
    with pytest.raises(UserError) as caught:
        resolve(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_fetches_what_is_needed_and_caches_it(
    hub: HubServer, repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = resolve("tiny/bert")
    assert first.directory.is_relative_to(tmp_path / "hf")
    assert first.licence == "apache-2.0"
    assert {path.name for path in first.directory.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md",
    }  # fmt: skip
    for path in first.directory.iterdir():
        assert path.read_bytes() == (repositories / "tiny" / "bert" / path.name).read_bytes()
    hub.requests.clear()
    assert resolve("tiny/bert") == first
    assert not [path for path in hub.requests if "/resolve/" in path]
    local = resolve(str(repositories / "tiny" / "bert"))
    assert (local.digest, local.licence) == (first.digest, first.licence)
    point_to(UNREACHABLE, monkeypatch)
    assert resolve("tiny/bert") == first
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert resolve("tiny/bert") == first


def test_the_environment_says_where_the_hub_is(hub: HubServer, tmp_path: Path) -> None:
    """HF_ENDPOINT and HF_HOME as a user sets them, in a process of its own."""
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "other"), "OMP_NUM_THREADS": "1"}
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    code = (
        "from msd_ray.data.encoders.sources import resolve; import json; "
        "print(json.dumps(str(resolve('tiny/bert').directory)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=inherited | settings, capture_output=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)).is_relative_to(tmp_path / "other" / "hub")


def test_unknown_repository(hub: HubServer) -> None:
    error = message("tiny/nothing")
    assert "tiny/nothing: no such directory and no such repository on " + hub.url in error
    assert "check the name" in error


def test_unreachable_hub(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(UNREACHABLE, monkeypatch)
    error = message("tiny/bert")
    assert f"cannot get it from {UNREACHABLE} (" in error
    assert "--encoder e5-small" in error
    assert str(tmp_path / "hf") in error


def test_offline_and_not_in_the_cache(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "offline" in message("tiny/bert").lower()
    assert not hub.requests


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_hub_that_fails(hub: HubServer, status: int) -> None:
    hub.status = status
    error = message("tiny/bert")
    assert str(status) in error
    assert "try again" in error


def test_pickled_weights_are_not_fetched(hub: HubServer) -> None:
    assert "lacks model.safetensors; it has pytorch_model.bin, which is not read" in message("tiny/pickled")
    assert not [path for path in hub.requests if path.endswith(".bin")]


def test_a_repository_without_a_model(hub: HubServer) -> None:
    assert "tiny/text lacks config.json and model.safetensors and tokenizer.json" in message("tiny/text")


def test_a_download_that_stopped_half_way(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve("tiny/bert")
    weights = first.directory / "model.safetensors"
    weights.resolve().unlink()
    weights.unlink()
    point_to(UNREACHABLE, monkeypatch)
    assert "not complete in the hub client's cache" in message("tiny/bert")
    point_to(hub.url, monkeypatch)
    assert resolve("tiny/bert") == first


def test_cache_of_the_client_cannot_be_written(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "hf").write_text("not a directory")
    assert "set HF_HOME to a writable directory" in message("tiny/bert")


def test_an_endpoint_that_is_no_address(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point_to("http://hub:port", monkeypatch)
    said = message("tiny/bert")
    assert said.startswith(
        "encoder tiny/bert: cannot get it from http://hub:port (Invalid port: 'port'), and it is not"
    )
    assert "Traceback" not in capsys.readouterr().err


def test_a_hub_that_accepts_and_never_answers(silent_hub: str, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.monotonic()
    said = message("tiny/bert")
    assert said.startswith(
        f"encoder tiny/bert: cannot get it from {silent_hub} (no answer within 5 seconds), and it is"
    )
    with pytest.raises(UserError) as caught:
        download(DATASETS["wikiann"], "ar", "train")
    assert "ar/train-00000-of-00001.parquet of unimelb-nlp/wikiann" in str(caught.value)
    assert "(no answer within 5 seconds), and it is not in the cache" in str(caught.value)
    assert time.monotonic() - start < 9, "it is asked once"
    point_to(hub.url, monkeypatch)
    first = resolve("tiny/bert")
    point_to(silent_hub, monkeypatch)
    assert resolve("tiny/bert") == first, "from the cache"
