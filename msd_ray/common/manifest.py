"""Files that are verified when they are read: directories with a manifest, JSON files with a seal.

    DIRECTORY/manifest.json   {"files": {NAME: {"size": BYTES, "sha256": HEX}}}, of every other file in it
    FILE.json                 {..., "sha256": "..."}, of all other values in it

The manifest is written last, so an incomplete directory has none. A directory without a manifest, or a file whose
contents differ from it, is damaged (`DamagedError`): it is not used, and must be created again.
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
    """A file is not what was written; the message names it and the problem."""


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """Size and hash of a file.

    Args:
        size: bytes.
        sha256: of the contents, hexadecimal.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileDigest":
        """Compute from a file."""
        return cls(size=path.stat().st_size, sha256=sha256(path))


@contextmanager
def new_content(directory: Path) -> Iterator[Path]:
    """`common.files.new_directory`, with a manifest.

    If another process creates `directory` meanwhile, that one is retained: use this for content that the name
    determines. An exception in the block leaves nothing.

    Raises:
        OSError: the directory cannot be written.
    """
    with new_directory(directory) as scratch:
        yield scratch
        write_manifest(scratch, digests_of(scratch))


def digests_of(directory: Path) -> dict[str, FileDigest]:
    """Sizes and hashes of a flat directory's files by name, without the manifest."""
    return {path.name: FileDigest.of(path) for path in sorted(directory.iterdir()) if path.name != MANIFEST}


def write_manifest(directory: Path, files: Mapping[str, FileDigest]) -> None:
    """Write the manifest of a directory."""
    (directory / MANIFEST).write_bytes(manifest_text(files))


def manifest_text(files: Mapping[str, FileDigest]) -> bytes:
    """Contents of a manifest; deterministic."""
    content = {"files": {name: asdict(digest) for name, digest in files.items()}}
    return json.dumps(content, indent=1, sort_keys=True).encode()


def read_manifest(directory: Path) -> dict[str, FileDigest]:
    """Expected sizes and hashes of a directory's files.

    Raises:
        DamagedError: the manifest is missing or damaged.
    """
    path = directory / MANIFEST
    try:
        return parse_manifest(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise DamagedError(f"{directory} has no {MANIFEST}") from error


def parse_manifest(text: bytes, where: str) -> dict[str, FileDigest]:
    """Parse a manifest.

    Args:
        text: its contents.
        where: its name in messages.

    Raises:
        DamagedError: it is damaged.
    """
    try:
        files = parse_files(json.loads(text)["files"])
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedError(f"{where} is damaged") from error
    if any("/" in name for name in files):
        raise DamagedError(f"{where} is damaged")
    return files


def verify_directory(directory: Path) -> None:
    """Verify all files of a directory; each is read once per process.

    Raises:
        DamagedError: a file is missing, changed or not in the manifest.
    """
    files = read_manifest(directory)
    found = {path.name for path in directory.iterdir()} - {MANIFEST}
    for name in sorted(found ^ files.keys()):
        raise DamagedError(f"{directory / name} is {'not in its manifest' if name in found else 'missing'}")
    for name, digest in files.items():
        verify_file(directory / name, digest)


def verify_file(path: Path, expected: FileDigest) -> None:
    """Verify a file; it is read once per process as long as its metadata are unchanged.

    Raises:
        DamagedError: it is missing or changed.
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
    """Parse sizes and hashes by relative path from JSON.

    Raises:
        ValueError, TypeError: the content is not that.
    """
    if not isinstance(content, dict):
        raise TypeError("not a mapping from names to files")
    files = {str(name): FileDigest(**digest) for name, digest in content.items()}
    for name, digest in files.items():
        parts = PurePosixPath(name).parts
        # The name determines where a downloaded file is written.
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or str(PurePosixPath(name)) != name:
            raise ValueError(f"not a relative path of a file: {name!r}")
        if not (isinstance(digest.size, int) and isinstance(digest.sha256, str)):
            raise TypeError(f"not a size and a SHA-256: {digest!r}")
    return files


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically, with a hash of its content.

    Raises:
        ValueError: a number is not finite.
    """
    write_json(path, {**content, "sha256": seal(content)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: the file is not what was written.
    """
    return parse_sealed(path.read_bytes(), str(path))


def parse_sealed(text: bytes, where: str) -> dict[str, Any]:
    """Parse a sealed file.

    Args:
        text: its contents.
        where: its name in messages.

    Raises:
        DamagedError: it is damaged.
    """
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
    """Remove a directory atomically: no process finds it partly removed."""
    aside = directory.with_name(f".{directory.name}.{uuid.uuid4().hex}.tmp")
    try:
        os.replace(directory, aside)  # noqa: PTH105 - the atomic step, named as such
    except FileNotFoundError:
        return
    shutil.rmtree(aside, ignore_errors=True)


def seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON value, independent of its formatting."""
    canonical = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
