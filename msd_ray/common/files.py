"""Atomic writes: files and directories appear complete or not at all, whatever happens; URLs of SQLite files."""

import hashlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .errors import UserError

SQLITE = "sqlite:///"


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; on exit, the file written there replaces `path`.

    An exception in the block leaves `path` unchanged.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = _scratch(path)
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """Yield a temporary directory to fill; on exit, it is renamed to `directory`.

    If another process creates `directory` meanwhile, that one is retained: use this for content that the name
    determines. An exception in the block leaves nothing.

    Raises:
        OSError: the directory cannot be written.
    """
    scratch = _scratch(directory)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        try:
            scratch.rename(directory)
        except OSError:
            if not directory.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False)
    with new_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def check_writable(directory: Path) -> None:
    """Check that files can be written to the directory, by writing some bytes to an unnamed one.

    An empty file would not suffice: it can be created on a full disk.

    Raises:
        OSError: they cannot.
    """
    with tempfile.TemporaryFile(dir=directory) as probe:
        probe.write(bytes(4096))


def sha256(path: Path) -> str:
    """SHA-256 of a file's contents, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scratch(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


def sqlite_url(file: Path) -> str:
    """The URL of a file. `%` and `?` are escaped: SQLAlchemy would open a directory named `50%41` as `50A`."""
    return SQLITE + str(file).replace("%", "%25").replace("?", "%3F")


def sqlite_file(url: str) -> Path | None:
    """The absolute path of the file that a `sqlite:///` URL names; None if it names none, or a database in memory."""
    name = unquote(url.removeprefix(SQLITE).partition("?")[0])
    return None if not url.startswith(SQLITE) or name in ("", ":memory:") else Path(name).absolute()


def check_sqlite_url(url: str) -> None:
    """Raise UserError for a `%` that was not escaped: the URL names a file in a directory that does not exist."""
    file, written = sqlite_file(url), Path(url.removeprefix(SQLITE).partition("?")[0]).absolute()
    if file is not None and not file.parent.is_dir() and written.parent.is_dir():
        raise UserError(f"{url}: names the file {file}, and {file.parent} does not exist; write {sqlite_url(written)}")
