"""Records which studies use which artifacts, for garbage collection.

    STORAGE/uses/STUDY/KIND/KEY     modification time: the study's last use of KIND/KEY. Contents: the key of the trial
                                    that used it (`student/7`), empty if the driver did

Studies share artifacts, and no artifact names its users. Artifacts of storages from before these files have no recorded
use; they are retained unless `--unknown-older-than` is given.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pyarrow import fs

from .layout import Storage

USES = "uses"


@dataclass(frozen=True, kw_only=True)
class Uses:
    """by_artifact: for each `KIND/KEY`, the studies that use it and the times of their last use, in Unix seconds."""

    by_artifact: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, artifact: str) -> Mapping[str, float]:
        """Studies that use an artifact, with the times of their last use."""
        return self.by_artifact.get(artifact, {})

    @property
    def studies(self) -> set[str]:
        """All studies with a recorded use."""
        return {study for uses in self.by_artifact.values() for study in uses}


def mark_used(storage: Storage, study: str | None, path: Path, *, trial: str = "") -> None:
    """Record that a study, or one of its trials, uses the artifact at `path`. No effect if `study` is None.

    Raises:
        OSError, StoreError: the record cannot be written.
    """
    if study is not None:
        _mark(storage, f"{USES}/{study}/{storage.name(path)}", trial)


@cache  # once per process is enough
def _mark(storage: Storage, name: str, trial: str) -> None:
    if storage.store is not None:
        storage.store.write(name, trial.encode())
        return
    path = storage.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(trial, encoding="utf-8")


def read_uses(filesystem: fs.FileSystem) -> Uses:
    """Read all uses recorded in a storage. Raises OSError."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for info in filesystem.get_file_info(fs.FileSelector(USES, recursive=True, allow_not_found=True)):
        parts = info.path.split("/")
        if info.type == fs.FileType.File and len(parts) == 4:
            found["/".join(parts[2:])][parts[1]] = (info.mtime_ns or 0) / 1e9
    return Uses(by_artifact=found)


def students_of(filesystem: fs.FileSystem, uses: Uses, study: str, trials: Collection[str]) -> frozenset[str]:
    """Students (`students/KEY`) whose last user in the study is one of these trials. Raises OSError.

    Teachers and their outputs are excluded: later trials of the study may need them.
    """
    students = [name for name, studies in uses.by_artifact.items() if name.startswith("students/") and study in studies]
    return frozenset(name for name in students if _trial(filesystem, f"{USES}/{study}/{name}") in trials)


def _trial(filesystem: fs.FileSystem, name: str) -> str:
    try:
        with filesystem.open_input_stream(name) as stream:
            return str(stream.read().decode())
    except FileNotFoundError:
        return ""  # the artifact was removed in the meantime


def uses_of(filesystem: fs.FileSystem, artifact: str, studies: set[str]) -> dict[str, float]:
    """Read the current uses of one artifact, by `studies` and by studies that started since. Raises OSError."""
    known = filesystem.get_file_info(fs.FileSelector(USES, allow_not_found=True))
    names = studies | {info.base_name for info in known}
    infos = filesystem.get_file_info([f"{USES}/{name}/{artifact}" for name in sorted(names)])
    return {info.path.split("/")[1]: (info.mtime_ns or 0) / 1e9 for info in infos if info.type == fs.FileType.File}
