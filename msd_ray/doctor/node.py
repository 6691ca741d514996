"""Examine a node of a cluster: runs on the node itself, in plain Python.

Every trial reads the encoder from the driver's path, else from the object store if there is one. All artifacts go
through the storage. Only the driver reads corpora.
"""

import csv
import platform
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from msd_ray.common.errors import UserError
from msd_ray.common.files import new_file, sha256
from msd_ray.data.encoders.files import combine_digests, content_files
from msd_ray.storage.layout import Storage
from msd_ray.storage.object_store import ObjectStore

COMPARED = ("msd-ray", "ray", "torch", "transformers", "numpy", "safetensors")
"""Packages whose releases affect results and must be equal on all nodes."""


@dataclass(frozen=True, kw_only=True)
class GPU:
    """Name of a GPU, its total and its free memory in bytes."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, kw_only=True)
class NodeRequest:
    """What to examine.

    storage: its root. written: file in it that the driver wrote, and its content; None for a storage that is not a
    directory. stored: object store, name of an object that the driver wrote, its content. encoder: its directory.
    corpora: files.
    """

    storage: Path | None
    written: tuple[Path, str] | None
    encoder: Path | None
    corpora: tuple[Path, ...] = ()
    stored: tuple[ObjectStore, str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """State of a node.

    storage_free, temporary_free: bytes. copies: directory of this node's copies of an object store, to which
    storage_free then refers. unread: why the driver's file cannot be read, None if it can. answer: file that the node
    wrote next to it, whose content is its own name. store_refusal: why the driver's object cannot be read or another
    one not be written, None if both can. encoder: digest of the directory's content, None if it does not exist.
    corpora: SHA-256 by path, None for a missing file.
    """

    hostname: str
    python: str
    versions: Mapping[str, str]
    temporary: str
    temporary_free: int
    storage_free: int | None
    unread: str | None
    answer: Path | None
    encoder: str | None
    corpora: Mapping[str, str | None]
    gpus: tuple[GPU, ...]
    memory: int
    store_refusal: str | None = None
    copies: Path | None = None


def examine(request: NodeRequest) -> NodeReport:
    """Examine this machine. Missing or unreadable files raise nothing."""
    unread, answer = _exchange(request)
    temporary = tempfile.gettempdir()
    copies = Storage(store=request.stored[0]).root if request.stored else None
    storage = copies or request.storage
    return NodeReport(
        hostname=socket.gethostname(),
        python=platform.python_version(),
        versions=_versions(),
        temporary=temporary,
        temporary_free=shutil.disk_usage(temporary).free,
        storage_free=free_bytes(storage) if storage else None,
        unread=unread,
        answer=answer,
        encoder=_encoder(request.encoder),
        corpora={str(path): _digest(path) for path in request.corpora},
        gpus=gpus(),
        memory=available_memory(),
        store_refusal=_store_refusal(request),
        copies=copies,
    )


def free_bytes(directory: Path) -> int | None:
    """Free bytes of the file system of a directory, which need not exist; None if its parents are unreadable."""
    try:
        return shutil.disk_usage(next(path for path in (directory, *directory.parents) if path.exists())).free
    except OSError:
        return None


def gpus() -> tuple[GPU, ...]:
    """GPUs as nvidia-smi lists them: Ray hides them from a task that requests none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [[cell.strip() for cell in row] for row in csv.reader(told.splitlines()) if len(row) == 3]
    mib = 1024 * 1024
    return tuple(
        GPU(name=name, total=int(total) * mib, free=int(free) * mib)
        for name, total, free in rows
        if total.isdecimal() and free.isdecimal()
    )


def available_memory() -> int:
    """Bytes available without swapping, within the limit of the control group if there is one."""
    available = psutil.virtual_memory().available
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
    except OSError:
        return available
    return available if limit == "max" else max(0, min(available, int(limit) - used))


def _exchange(request: NodeRequest) -> tuple[str | None, Path | None]:
    """Read the driver's file and write one for the driver. Returns: the reason of a failure, the file written."""
    if request.written is None:
        return None, None
    path, content = request.written
    try:
        if path.read_text(encoding="utf-8") != content:
            return f"{path} has other content", None
        answer = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        with new_file(answer) as scratch:
            scratch.write_text(answer.name, encoding="utf-8")
    except OSError as error:
        return f"{error.filename or path}: {error.strerror or error}", None
    return None, answer


def _store_refusal(request: NodeRequest) -> str | None:
    """Read the driver's object and write one. Returns: the reason of a failure."""
    if request.stored is None:
        return None
    store, name, content = request.stored
    try:
        if store.read(name) != content.encode():
            return f"{store.uri}/{name} is not there, or has other content"
        store.check()
    except UserError as error:
        return str(error)
    return None


def _versions() -> dict[str, str]:
    found = {}
    for name in COMPARED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _encoder(directory: Path | None) -> str | None:
    """Digest as in `EncoderFiles`, computed without this machine's cache of digests."""
    if directory is None or not directory.is_dir():
        return None
    digests = {path.name: _digest(path) for path in content_files(directory)}
    return combine_digests({name: digest or "unreadable" for name, digest in digests.items()})


def _digest(path: Path) -> str | None:
    try:
        return sha256(path)
    except OSError:
        return None
