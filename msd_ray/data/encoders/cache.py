"""The user's cache directory: where it is, whole files in it, digests computed once."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256, write_json


def cache_directory() -> Path:
    """`$MSD_RAY_CACHE`, else `$XDG_CACHE_HOME/msd_ray`, else `~/.cache/msd_ray` (made by the first write)."""
    if own := os.environ.get("MSD_RAY_CACHE"):
        return Path(own).expanduser().absolute()
    # The XDG base directory specification: a relative path there is to be ignored.
    shared = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(shared) if Path(shared).is_absolute() else Path("~/.cache").expanduser()
    return base / "msd_ray"


@contextmanager
def cache_errors() -> Iterator[None]:
    """Turn an `OSError` in writing to the cache (read-only, full, no directory) into a `UserError`."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to the cache {cache_directory()}: {error.strerror or error}; "
            "free some space or set MSD_RAY_CACHE to a directory that can be written to"
        ) from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file, remembered in the cache for as long as its path, size and modification time stay.

    Raises `OSError` when the file cannot be read, `UserError` when the cache cannot be written.
    """
    path = path.resolve()
    stat = path.stat()
    key = {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    note = cache_directory() / "digests" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()}.json"
    try:
        known = json.loads(note.read_bytes())
        if known["key"] == key:
            return str(known["sha256"])
    except (OSError, ValueError, LookupError, TypeError):
        pass  # never noted, or the note is damaged: computing it again is always right
    digest = sha256(path)
    with cache_errors():
        write_json(note, {"key": key, "sha256": digest})
    return digest
