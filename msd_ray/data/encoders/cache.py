"""The user's cache directory: its location, errors, and file hashes computed once."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256, write_json


def cache_directory() -> Path:
    """`$MSD_RAY_CACHE`, else `$XDG_CACHE_HOME/msd_ray`, else `~/.cache/msd_ray`; may not exist yet."""
    if own := os.environ.get("MSD_RAY_CACHE"):
        return Path(own).expanduser().absolute()
    # The XDG base directory specification requires that relative paths are ignored.
    shared = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(shared) if Path(shared).is_absolute() else Path("~/.cache").expanduser()
    return base / "msd_ray"


@contextmanager
def cache_errors() -> Iterator[None]:
    """Turn an `OSError` while writing to the cache (read-only, full, not a directory) into a `UserError`."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to the cache {cache_directory()}: {error.strerror or error}; "
            "free some space or set MSD_RAY_CACHE to a writable directory"
        ) from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file, cached as long as its path, size and modification time do not change.

    Raises:
        OSError: the file cannot be read.
        UserError: the cache cannot be written.
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
        pass  # not cached, or the cache entry is damaged
    digest = sha256(path)
    with cache_errors():
        write_json(note, {"key": key, "sha256": digest})
    return digest
