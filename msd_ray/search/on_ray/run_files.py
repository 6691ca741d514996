"""Where Ray keeps its own files of a phase: below the storage, where all nodes see them."""

import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pyarrow import fs

from msd_ray.storage.layout import Storage


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """path: of a directory, in `filesystem`; None is the nodes' own."""

    path: str
    filesystem: fs.FileSystem | None = None

    @classmethod
    def of(cls, storage: Storage) -> "RunFiles":
        """`STORAGE/ray`."""
        if storage.store is None:
            return cls(path=str(storage.ray))
        return cls(path=storage.store.path("ray"), filesystem=storage.store.filesystem)

    def below(self, name: str) -> "RunFiles":
        """A directory in this one."""
        return replace(self, path=f"{self.path}/{name}")

    @property
    def arguments(self) -> dict[str, Any]:
        """As Ray Tune's and Ray Train's `RunConfig` want it."""
        return {"storage_path": self.path, "storage_filesystem": self.filesystem}

    def remove(self) -> None:
        """Remove the directory; what cannot be removed stays, nobody reads it."""
        if self.filesystem is None:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        with suppress(OSError):
            self.filesystem.delete_dir(self.path)
