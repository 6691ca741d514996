"""How tests call `python -m msd_ray.tune`: in this process, for the message of a mistake, and what it left behind."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import ray

from msd_ray.common.errors import UserError
from msd_ray.tune import main

UNREACHABLE = "http://127.0.0.1:9"  # the discard port: nobody listens
SENTENCE = "Anna B-PER\nlives O\nin O\nOslo B-LOC\n"


def small_command(encoder: Path, storage: Path) -> list[str]:
    """A command line that would run, in little time; what is added to it goes wrong."""
    return [
        *("--lang", "tr", "--dataset", "sample", "--encoder", str(encoder), "--storage", str(storage)),
        *("--space", "quickstart", "--limit", "8", "--epochs", "1", "--trials", "1", "--seeds", "1"),
        *("--frozen-layers", "2", "--workers", "0", "--confirm", "1", "--rows", "best"),
    ]


def message(arguments: list[str], *, foreseen: bool = True) -> str:
    """The one message of a command that refuses; nothing was started and nothing was recorded.

    foreseen: whether it refuses the same with `--dry-run`, which leaves every file as it is.
    """
    storage = Path(arguments[arguments.index("--storage") + 1]) if "--storage" in arguments else None
    if foreseen:
        before = contents(storage)
        with pytest.raises(UserError) as dry:
            main([*arguments, "--dry-run"])
        assert contents(storage) == before
    with pytest.raises(UserError) as caught:
        main(arguments)
    if foreseen:  # but for times and random names
        assert without_numbers(str(dry.value)) == without_numbers(str(caught.value))
    assert not ray.is_initialized()
    if storage is not None and storage.is_dir():
        assert rows(storage / "mlflow.db", "runs") == 0
        assert rows(storage / "studies.db", "trials") == 0
    text = str(caught.value)
    assert text
    assert text == text.strip()
    assert "Traceback" not in text
    return text


def run(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "msd_ray.tune", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def rows(database: Path, table: str) -> int:
    """How many rows there are; none where there is no such database."""
    if not database.is_file():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def without_numbers(text: str) -> str:
    """The text with each number and each random name replaced."""
    return re.sub(r"tmp\w+|\w{16,}|[0-9a-f]{8,}|[0-9.]+", "0", text)


def contents(directory: Path | None) -> dict[Path, bytes]:
    """Every regular file with its content."""
    found = directory.rglob("*") if directory is not None and directory.is_dir() else ()
    return {path: path.read_bytes() for path in found if path.is_file()}


def files_below(directory: Path) -> set[str]:
    """Every file, by its path below the directory, but for the locks."""
    found = (path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    return {name for name in found if not name.endswith(".lock")}
