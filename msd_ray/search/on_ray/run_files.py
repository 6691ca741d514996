"""Location of Ray's own files of a phase: below the storage, which all nodes share."""

import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pyarrow import fs

from msd_ray.storage.layout import Storage


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """A directory for Ray's files.

    Args:
        path: path in `filesystem`.
        filesystem: None: the nodes' own.
    """

    path: str
    filesystem: fs.FileSystem | None = None

    @classmethod
    def of(cls, storage: Storage) -> "RunFiles":
        """The directory `STORAGE/ray`."""
        if storage.store is None:
            return cls(path=str(storage.ray))
        return cls(path=storage.store.path("ray"), filesystem=storage.store.filesystem)

    def below(self, name: str) -> "RunFiles":
        """A subdirectory."""
        return replace(self, path=f"{self.path}/{name}")

    @property
    def arguments(self) -> dict[str, Any]:
        """As arguments of Ray Tune's and Ray Train's `RunConfig`."""
        return {"storage_path": self.path, "storage_filesystem": self.filesystem}

    def remove(self) -> None:
        """Remove the directory; errors are ignored, as nothing reads it again."""
        if self.filesystem is None:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        with suppress(OSError):
            self.filesystem.delete_dir(self.path)
