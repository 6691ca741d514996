"""Creates secrets in files that only their owner can read."""

import os
import secrets
from pathlib import Path

from msd_ray.common.files import new_file

_BYTES = 32


def private_directory(path: Path) -> None:
    """Create a directory with mode 0700, or set that mode on an existing one. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def ensure_secret(path: Path) -> str:
    """Read the secret in the file; create it first if it does not exist: 64 hexadecimal digits, no quoting needed."""
    if path.exists():
        path.chmod(0o600)
        return path.read_text(encoding="ascii")
    value = secrets.token_hex(_BYTES)
    write_private(path, value)
    return value


def write_private(path: Path, text: str) -> None:
    """Write a file atomically with mode 0600."""
    with new_file(path) as scratch:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
