"""Secrets made once and kept in files that their owner alone can read."""

import os
import secrets
from pathlib import Path

from msd_ray.common.files import new_file

_BYTES = 32


def private_directory(path: Path) -> None:
    """Make a directory for its owner alone, or make one that is there such. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def secret(path: Path) -> str:
    """The secret in the file: 64 hexadecimal digits, which no configuration format needs to quote. Made if new."""
    if path.exists():
        path.chmod(0o600)
        return path.read_text(encoding="ascii")
    value = secrets.token_hex(_BYTES)
    write_private(path, value)
    return value


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    with new_file(path) as scratch:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
