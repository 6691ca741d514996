"""Files and directories that are there whole or not at all, whenever a process dies or a disk fills up."""

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
    """Give a scratch path beside `path` to write to; after the block it has replaced `path`.

    Raises OSError if that fails; an exception in the block leaves what was there before.
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
    """Give a scratch directory to fill, which after the block is `directory`.

    If another process makes `directory` meanwhile, that one stays: it is for content that its name decides.
    Raises OSError if it cannot be written; an exception in the block leaves nothing.
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
    """Write a JSON file whole or not at all. Raises ValueError for a number that is not finite."""
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False)
    with new_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_nothing(directory: Path) -> None:
    """See that the directory takes files: some bytes go into one without a name, and are gone.

    Raises OSError if it does not. An empty file would not do: one can be made on a disk that is full.
    """
    with tempfile.TemporaryFile(dir=directory) as probe:
        probe.write(bytes(4096))


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scratch(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
