"""Which studies have used a thing, so that it can be told what nobody needs any more.

    STORAGE/uses/STUDY/KIND/KEY     its time is when a process of the study last turned to KIND/KEY; a trial's process
                                    leaves the trial's key in it (`student/7`), the driver nothing

Things are shared by studies, and none of them says whose it is. A storage from before there were such files has things
of which no use is known; those count as used until their owner says otherwise.
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
    """by_thing: of `KIND/KEY`, the studies that have used it, and when last, in seconds since 1970."""

    by_thing: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, thing: str) -> Mapping[str, float]:
        """Who has used a thing."""
        return self.by_thing.get(thing, {})

    @property
    def studies(self) -> set[str]:
        """Every study that has used anything."""
        return {study for uses in self.by_thing.values() for study in uses}


def mark_used(storage: Storage, study: str | None, path: Path, *, trial: str = "") -> None:
    """Note that the study, or a trial of it, uses the thing at `path`; nothing for None. Raises OSError, StoreError."""
    if study is not None:
        _mark(storage, f"{USES}/{study}/{storage.name(path)}", trial)


@cache  # once in a process is enough
def _mark(storage: Storage, name: str, trial: str) -> None:
    if storage.store is not None:
        storage.store.write(name, trial.encode())
        return
    path = storage.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(trial, encoding="utf-8")


def read_uses(filesystem: fs.FileSystem) -> Uses:
    """All that is noted in a storage. Raises OSError."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for info in filesystem.get_file_info(fs.FileSelector(USES, recursive=True, allow_not_found=True)):
        parts = info.path.split("/")
        if info.type == fs.FileType.File and len(parts) == 4:
            found["/".join(parts[2:])][parts[1]] = (info.mtime_ns or 0) / 1e9
    return Uses(by_thing=found)


def students_of(filesystem: fs.FileSystem, uses: Uses, study: str, trials: Collection[str]) -> frozenset[str]:
    """The students that one of the trials was the last of the study to turn to, as `students/KEY`. Raises OSError.

    A teacher, or what it says of a text, is no trial's own: the next one may need it.
    """
    students = [thing for thing, by in uses.by_thing.items() if thing.startswith("students/") and study in by]
    return frozenset(thing for thing in students if _trial(filesystem, f"{USES}/{study}/{thing}") in trials)


def _trial(filesystem: fs.FileSystem, name: str) -> str:
    try:
        with filesystem.open_input_stream(name) as stream:
            return str(stream.read().decode())
    except FileNotFoundError:
        return ""  # the thing has gone meanwhile


def uses_of(filesystem: fs.FileSystem, thing: str, studies: set[str]) -> dict[str, float]:
    """Who has used one thing by now, among these studies and those that came since. Raises OSError."""
    known = filesystem.get_file_info(fs.FileSelector(USES, allow_not_found=True))
    names = studies | {info.base_name for info in known}
    infos = filesystem.get_file_info([f"{USES}/{name}/{thing}" for name in sorted(names)])
    return {info.path.split("/")[1]: (info.mtime_ns or 0) / 1e9 for info in infos if info.type == fs.FileType.File}
