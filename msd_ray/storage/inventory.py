"""Lists the artifacts of a storage, a directory or an object store, with size and age."""

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
INCOMPLETE = (".tmp", ".partial")


@dataclass(frozen=True, kw_only=True)
class ArtifactInfo:
    """Directory of an artifact.

    Attributes:
        size: bytes.
        modified: modification time of its newest file, in Unix seconds.
        incomplete: whether it is a temporary directory, renamed when it is complete.
    """

    kind: Kind
    key: str
    size: int
    modified: float
    incomplete: bool = False

    @property
    def name(self) -> str:
        """`KIND/KEY`, its path relative to the storage."""
        return f"{self.kind}/{self.key}"


def file_system(storage: Storage) -> fs.FileSystem:
    """The storage as a file system, whose root is that of the storage. Raises OSError."""
    if storage.store is not None:
        return fs.SubTreeFileSystem(storage.store.path("").rstrip("/"), storage.store.filesystem)
    return fs.SubTreeFileSystem(str(storage.root), fs.LocalFileSystem())


@contextmanager
def read_errors(storage: Storage) -> Iterator[None]:
    """Convert an OSError of the storage to a UserError."""
    try:
        yield
    except OSError as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"the storage {storage.place} cannot be read: {first}. Check --storage and its permissions or credentials, "
            "then run the same command again."
        ) from error


def list_artifacts(filesystem: fs.FileSystem) -> list[ArtifactInfo]:
    """All artifacts, sorted by kind and key. Raises OSError."""
    found = []
    for kind in KINDS:
        size: defaultdict[str, int] = defaultdict(int)
        modified: defaultdict[str, float] = defaultdict(float)
        for info in filesystem.get_file_info(fs.FileSelector(kind, recursive=True, allow_not_found=True)):
            _, key, *rest = info.path.split("/")
            if info.type == fs.FileType.File and rest:
                size[key] += info.size
                modified[key] = max(modified[key], (info.mtime_ns or 0) / 1e9)
        found += [
            ArtifactInfo(
                kind=kind, key=key, size=size[key], modified=modified[key], incomplete=key.endswith(INCOMPLETE)
            )
            for key in sorted(size)
        ]
    return found
