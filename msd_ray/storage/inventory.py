"""What lies in a storage: every thing with its size and age, whether it is a directory or an object store."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from pyarrow import fs

from msd_ray.common.errors import UserError

from .layout import Storage

Kind = Literal["teachers", "students", "outputs", "results", "features", "frozen", "words", "encoders", "models"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SCRATCH = (".tmp", ".partial")


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A directory under a key. size: bytes. changed: its newest file, in seconds since 1970.

    scratch: what a process was writing, which is renamed when it is whole.
    """

    kind: Kind
    key: str
    size: int
    changed: float
    scratch: bool = False

    @property
    def name(self) -> str:
        """`KIND/KEY`, its name below the storage."""
        return f"{self.kind}/{self.key}"


def file_system(storage: Storage) -> fs.FileSystem:
    """The storage, with its root as the root. Raises OSError."""
    if storage.store is not None:
        return fs.SubTreeFileSystem(storage.store.path("").rstrip("/"), storage.store.filesystem)
    return fs.SubTreeFileSystem(str(storage.root), fs.LocalFileSystem())


@contextmanager
def storage_readable(storage: Storage) -> Iterator[None]:
    """Turn what the system or the store says of a storage into a UserError."""
    try:
        yield
    except OSError as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"the storage {storage.place} cannot be read: {first}; check --storage, its permissions or credentials, "
            "and start the command again"
        ) from error


def things(filesystem: fs.FileSystem) -> list[Thing]:
    """All things of all kinds, by name; empty where nothing was ever made. Raises OSError."""
    found = []
    for kind in KINDS:
        size: defaultdict[str, int] = defaultdict(int)
        changed: defaultdict[str, float] = defaultdict(float)
        for info in filesystem.get_file_info(fs.FileSelector(kind, recursive=True, allow_not_found=True)):
            _, key, *rest = info.path.split("/")
            if info.type == fs.FileType.File and rest:
                size[key] += info.size
                changed[key] = max(changed[key], (info.mtime_ns or 0) / 1e9)
        found += [
            Thing(kind=kind, key=key, size=size[key], changed=changed[key], scratch=key.endswith(SCRATCH))
            for key in sorted(size)
        ]
    return found


def days(since: float, now: float) -> float:
    """How many days ago a time was, 0 for one to come."""
    return max(0.0, (now - since) / 86400)
