"""What a node of a cluster is like, as a search needs it: looked at on the node itself, by plain Python.

Encoders are read by every trial, from the path where the driver has them, else from the object store if there is one;
everything that is computed goes through the storage; corpora are read by the driver alone, wherever that runs.
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

from msd_ray.common.errors import UserError
from msd_ray.common.files import new_file, sha256
from msd_ray.data.encoders.files import combine_digests, content_files
from msd_ray.storage.layout import Storage
from msd_ray.storage.object_store import ObjectStore

COMPARED = ("msd-ray", "ray", "torch", "transformers", "numpy", "safetensors")
"""Packages whose releases may differ between nodes, and results with them."""


@dataclass(frozen=True, kw_only=True)
class GPU:
    """Bytes of one GPU, and its name."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, kw_only=True)
class NodeRequest:
    """What is to be looked at.

    storage: its root. written: a file below it that the driver has written, with its content; None where the storage
    is not one that nodes share by a path. stored: where it is an object store, with an object that the driver has
    written there and its content. encoder: its directory. corpora: files.
    """

    storage: Path | None
    written: tuple[Path, str] | None
    encoder: Path | None
    corpora: tuple[Path, ...] = ()
    stored: tuple[ObjectStore, str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """What was seen on a node.

    storage_free, temporary_free: bytes. copies: where this node's copies of an object store lie, which storage_free is
    about then. read: whether the driver's file has its content there, with the reason if
    not. answer: the file that the node wrote beside it, whose content is the file's own name. store_refusal: why the
    driver's object cannot be read there or another one not be written, None if both can. encoder: the digest of the
    directory's content, None where there is none. corpora: SHA-256 by path, None for a file that is not there.
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
    """Look at this machine. It raises nothing that a missing or unreadable file can cause."""
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
    """Free space where a directory is, or will be made; None where even its parents cannot be looked at."""
    try:
        return shutil.disk_usage(next(path for path in (directory, *directory.parents) if path.exists())).free
    except OSError:
        return None


def gpus() -> tuple[GPU, ...]:
    """The GPUs as the driver's own tool sees them: Ray hides them from a task that asks for none."""
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
    """Bytes that processes can still take without swapping; the control group's limit counts, where there is one."""
    available = 0
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * 1024
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
    except OSError:
        return available
    return available if limit == "max" else max(0, min(available, int(limit) - used))


def _exchange(request: NodeRequest) -> tuple[str | None, Path | None]:
    """Read what the driver wrote, and write a file for it to read; why not, and that file."""
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
    """Read the driver's object and write one; why that does not work here."""
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
    """The digest that `EncoderFiles` has, computed anew: nothing is kept in this machine's cache."""
    if directory is None or not directory.is_dir():
        return None
    digests = {path.name: _digest(path) for path in content_files(directory)}
    return combine_digests({name: digest or "unreadable" for name, digest in digests.items()})


def _digest(path: Path) -> str | None:
    try:
        return sha256(path)
    except OSError:
        return None
