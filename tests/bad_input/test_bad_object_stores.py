"""Object stores that cannot be used: one message within seconds, and nothing is started or stored."""

import time
from pathlib import Path

import pytest
from s3_server import CREDENTIALS, Front
from tune_command import message

DATABASES = ("--study-storage", "sqlite:////{0}/studies.db", "--mlflow-uri", "sqlite:////{0}/mlflow.db")


def command(small: list[str], place: str, tmp_path: Path, *, databases: bool = True) -> list[str]:
    given = [part.format(str(tmp_path).lstrip("/")) for part in DATABASES] if databases else []
    return [*small, "--storage", place, *given]


@pytest.mark.parametrize(
    "place",
    [
        *("s3:/bucket/runs", "s3://", "s3:///runs", "s3://b", "s3://Bucket/runs", "s3://bucket//runs"),
        *("s3://bucket/../runs", "s3://bucket/a b", "ftp://host/runs", "http://host/runs", "file:///tmp/runs"),
    ],
)
def test_what_is_no_place(small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    text = message(command(small, place, tmp_path))
    assert f"--storage {place}: invalid location" in text
    assert "s3://BUCKET/PREFIX" in text
    assert list(tmp_path.iterdir()) == []


def test_a_secret_in_the_uri_is_refused_and_not_repeated(small: list[str], tmp_path: Path) -> None:
    for place in ("s3://key:hunter2@bucket/runs", "s3://bucket/runs?secret_key=hunter2"):
        text = message(command(small, place, tmp_path))
        assert "credentials and settings belong in the environment" in text
        assert "hunter2" not in text


@pytest.mark.parametrize("given", [(), DATABASES[:2], DATABASES[2:]])
def test_databases_have_to_be_named(small: list[str], s3: str, tmp_path: Path, given: tuple[str, ...]) -> None:
    text = message([*small, "--storage", s3, *(part.format(str(tmp_path).lstrip("/")) for part in given)])
    assert f"--storage {s3} holds no databases: give " in text
    assert ("--study-storage and --mlflow-uri too" in text) == (not given)
    assert "postgresql://USER@HOST/DATABASE" in text
    assert not (tmp_path / "cache" / "storage").exists()


def test_a_bucket_that_is_not_there(small: list[str], s3: str, tmp_path: Path) -> None:
    text = message(command(small, "s3://no-such-bucket/runs", tmp_path))
    assert "the storage s3://no-such-bucket/runs on the server 127.0.0.1" in text
    assert "NO_SUCH_BUCKET" in text


def test_credentials_that_are_refused(small: list[str], s3: str, s3_front: Front, tmp_path: Path) -> None:
    s3_front.answer(always=403)
    text = message(command(small, s3, tmp_path))
    assert "ACCESS_DENIED" in text
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in text


def test_nobody_listens(small: list[str], s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    started = time.monotonic()
    text = message(command(small, s3, tmp_path))
    assert f"the storage {s3} on the server 127.0.0.1:9 cannot be used: " in text
    assert time.monotonic() - started < 60  # a request that fails is repeated for as long as that later on
