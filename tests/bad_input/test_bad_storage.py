"""Storage and MLflow that cannot be used: one message, nothing half-written."""

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tune_command import UNREACHABLE, files_below, message

from msd_ray.cli.options import parse
from msd_ray.cli.setup import set_up
from msd_ray.common.errors import UserError


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (UNREACHABLE, f"MLflow at {UNREACHABLE} does not work"),
        ("sqlite:////proc/nowhere/mlflow.db", "--mlflow-uri sqlite:////proc/nowhere/mlflow.db: cannot be written"),
        ("file:/tmp/mlruns", "unsupported tracking URI"),
        ("sqlite://", "the URI has no file"),
    ],
)
def test_mlflow_that_cannot_be_used(small: list[str], runs: Path, uri: str, expected: str) -> None:
    assert expected in message([*small, "--mlflow-uri", uri])
    assert not runs.exists()


def test_an_mlflow_database_that_is_no_file_is_left_alone(small: list[str], runs: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert f"{pipe} is not a regular file" in message([*small, "--mlflow-uri", f"sqlite:///{pipe}"])
    assert pipe.is_fifo()
    assert not runs.exists()


def test_mlflow_database_of_another_program(small: list[str], runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE photos (id)")
    before = other.read_bytes()
    assert "another program" in message([*small, "--mlflow-uri", f"sqlite:///{other}"])
    assert other.read_bytes() == before
    assert not runs.exists()


def test_a_file_where_the_storage_should_be(small: list[str], runs: Path) -> None:
    runs.write_text("mine")
    text = message(small)
    assert f"the storage {runs} cannot be created: {runs} is not a directory" in text
    assert f"{runs} is not a directory" in message([*small, "--storage", str(runs / "below" / "it")])
    assert runs.read_text() == "mine"


def test_a_summary_that_cannot_be_written(small: list[str], runs: Path, tmp_path: Path) -> None:
    """Told before the search, and not after it."""
    (tmp_path / "file").write_text("mine")
    for place, why in ((tmp_path, "Is a directory"), (tmp_path / "file" / "x", "Not a directory")):
        assert message([*small, "--summary", str(place)]) == (
            f"--summary {place}: cannot be written ({why}). Name another file"
        )
    assert not runs.exists()


@pytest.mark.parametrize("name", ["features", "studies", "models", "report", "mlartifacts"])
def test_a_file_in_the_storage_where_a_directory_should_be(small: list[str], runs: Path, name: str) -> None:
    runs.mkdir()
    (runs / name).write_text("mine")
    text = message(small)
    assert f"the storage {runs} cannot be written" in text
    assert str(runs / name) in text
    assert (runs / name).read_text() == "mine"


def test_a_place_that_takes_no_files(small: list[str]) -> None:
    assert "the storage /proc/nowhere cannot be written" in message([*small, "--storage", "/proc/nowhere"])


def test_something_else_where_the_best_student_goes(small: list[str], runs: Path) -> None:
    (runs / "models" / "sample-tr").mkdir(parents=True)
    (runs / "models" / "sample-tr" / "thesis.txt").write_text("mine")
    text = message(small)
    assert "models/sample-tr exists and is not an exported student" in text
    assert files_below(runs) == {"models/sample-tr/thesis.txt"}


def test_encoding_onto_a_disk_that_takes_no_more(small: list[str], runs: Path) -> None:
    """The system refuses bytes beyond a limit, as it does on a full disk: nothing half-encoded stays."""
    (setup,) = set_up(parse(small))
    setup.storage.create()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    try:
        with pytest.raises(UserError) as caught:
            _ = setup.prepared
        with pytest.raises(UserError, match="cannot be written"):
            setup.storage.create()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"the storage {runs} cannot be written" in str(caught.value)
    assert "free disk space" in str(caught.value)
    assert all(list(path.iterdir()) for path in (runs / "features").iterdir() if path.suffix != ".lock")
    assert not list(runs.rglob("*.tmp"))
    assert setup.prepared.sentences["source_train"] == 8  # and with space again it goes on


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[None]:
    """A file system of its own, where this process may mount one."""
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(directory)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_read_only_file_system(small: list[str], runs: Path) -> None:
    with mounted(runs, "ro,size=1m"):
        assert f"{runs} is read-only" in message(small)
        assert f"{runs} is read-only" in message([*small, "--storage", str(runs / "below")])


@pytest.mark.parametrize("name", ["models", "report", "mlartifacts", "teachers"])
def test_a_directory_in_the_storage_that_takes_no_files(small: list[str], runs: Path, name: str) -> None:
    """Told before the search, although the student is exported and the report written after it."""
    runs.mkdir()
    with mounted(runs / name, "ro,size=1m"):
        text = message(small)
    assert f"the storage {runs} cannot be written: " in text
    assert f"{runs / name}/" in text


@pytest.mark.parametrize("size", ["4k", "64k", "900k"])
def test_a_full_file_system(small: list[str], runs: Path, size: str) -> None:
    """It is full before anything, while MLflow's database is made, and while the study's is."""
    with mounted(runs, f"size={size}"):
        (runs / "fill").write_bytes(bytes(4096))
        text = message(small, foreseen=False)  # free space is less than an estimate of what is written
        assert "space" in text.lower() or "disk" in text.lower(), text
        assert not list(runs.rglob("*.tmp"))
