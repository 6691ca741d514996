"""Atomic writes: files and directories appear complete or not at all, whatever happens."""

import hashlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
