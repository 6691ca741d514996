"""Files that say what they are: a directory with a manifest, a JSON file with a seal, and both verified when read.

    DIRECTORY/manifest.json   {"files": {NAME: {"size": BYTES, "sha256": HEX}}}, of every other file in it
    FILE.json                 {..., "sha256": "..."}, of everything else in it

A manifest is written last, so a directory that was filled half has none. What has none, or another content than its
own says, is damaged (`DamagedError`): nobody reads it, and whoever needs it makes it again.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .files import new_directory, sha256, write_json

MANIFEST = "manifest.json"

_verified: set[tuple[str, int, int, int, str]] = set()


class DamagedError(Exception):
    """A file that is not what was written: the message names it and says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """size: bytes. sha256: of them, hexadecimal."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileDigest":
        """Read the file."""
        return cls(size=path.stat().st_size, sha256=sha256(path))


@contextmanager
def new_content(directory: Path) -> Iterator[Path]:
    """Give a scratch directory to fill, which after the block is `directory`, with its manifest.

    If another process makes `directory` meanwhile, that one stays: it is for content that its name decides.
    Raises OSError if it cannot be written; an exception in the block leaves nothing.
    """
    with new_directory(directory) as scratch:
        yield scratch
        write_manifest(scratch, digests_of(scratch))


def digests_of(directory: Path) -> dict[str, FileDigest]:
    """The files of a directory without subdirectories, but its manifest, by name."""
    return {path.name: FileDigest.of(path) for path in sorted(directory.iterdir()) if path.name != MANIFEST}


def write_manifest(directory: Path, files: Mapping[str, FileDigest]) -> None:
    """Say what the directory's files are."""
    (directory / MANIFEST).write_bytes(manifest_text(files))


def manifest_text(files: Mapping[str, FileDigest]) -> bytes:
    """A manifest's bytes; the same for the same files."""
    content = {"files": {name: asdict(digest) for name, digest in files.items()}}
    return json.dumps(content, indent=1, sort_keys=True).encode()


def read_manifest(directory: Path) -> dict[str, FileDigest]:
    """What the directory's files should be. Raises DamagedError where that is not said."""
    path = directory / MANIFEST
    try:
        return parse_manifest(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise DamagedError(f"{directory} has no {MANIFEST}") from error


def parse_manifest(text: bytes, where: str) -> dict[str, FileDigest]:
    """The content of a manifest. Raises DamagedError, with `where` as its name."""
    try:
        files = parse_files(json.loads(text)["files"])
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedError(f"{where} is damaged") from error
    if any("/" in name for name in files):
        raise DamagedError(f"{where} is damaged")
    return files


def verify_directory(directory: Path) -> None:
    """Read every file, the first time in this process. Raises DamagedError if one is missing, changed or too many."""
    files = read_manifest(directory)
    found = {path.name for path in directory.iterdir()} - {MANIFEST}
    for name in sorted(found ^ files.keys()):
        raise DamagedError(f"{directory / name} is {'not in its manifest' if name in found else 'missing'}")
    for name, digest in files.items():
        verify_file(directory / name, digest)


def verify_file(path: Path, expected: FileDigest) -> None:
    """Compare a file with its digest; once in this process as long as the file system says that it is unchanged.

    Raises DamagedError if it is another or missing.
    """
    try:
        stat = path.stat()
        if stat.st_size != expected.size:
            raise DamagedError(f"{path} has {stat.st_size:,} bytes instead of {expected.size:,}")
        known = (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, expected.sha256)
        if known not in _verified:
            if sha256(path) != expected.sha256:
                raise DamagedError(f"{path} is damaged: its SHA-256 is another")
            _verified.add(known)
    except FileNotFoundError as error:
        raise DamagedError(f"{path} is missing") from error


def parse_files(content: Any) -> dict[str, FileDigest]:
    """Digests by relative path, from JSON. Raises ValueError or TypeError if it is anything else."""
    if not isinstance(content, dict):
        raise TypeError("no files by name")
    files = {str(name): FileDigest(**digest) for name, digest in content.items()}
    for name, digest in files.items():
        parts = PurePosixPath(name).parts
        # A name decides where a file that is fetched is written.
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or str(PurePosixPath(name)) != name:
            raise ValueError(f"no name of a file in a directory: {name!r}")
        if not (isinstance(digest.size, int) and isinstance(digest.sha256, str)):
            raise TypeError(f"no digest: {digest!r}")
    return files


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all, with a digest of its content in it. Raises ValueError as `write_json`."""
    write_json(path, {**content, "sha256": seal(content)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote. Raises FileNotFoundError, and DamagedError if it is anything else."""
    return parse_sealed(path.read_bytes(), str(path))


def parse_sealed(text: bytes, where: str) -> dict[str, Any]:
    """The content of a sealed file. Raises DamagedError, with `where` as its name."""
    try:
        content = json.loads(text)
        found = content.pop("sha256")
        whole = found == seal(content)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedError(f"{where} is damaged") from error
    if not whole:
        raise DamagedError(f"{where} is damaged: its SHA-256 is another")
    return dict(content)


def remove(directory: Path) -> None:
    """Remove a directory so that no one finds it half removed."""
    aside = directory.with_name(f".{directory.name}.{uuid.uuid4().hex}.tmp")
    try:
        os.replace(directory, aside)  # noqa: PTH105 - the atomic step, named as such
    except FileNotFoundError:
        return
    shutil.rmtree(aside, ignore_errors=True)


def seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON value, however it is written."""
    canonical = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
