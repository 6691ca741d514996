"""What is kept under a key, verified before it is used: a directory of files, or a training with its epochs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import warn
from ..manifest import DamagedError, read_sealed, remove, verify_directory
from ..training.checkpoints import TrainingDirectory
from .storage import Storage


class Kept(Protocol):
    """A thing under a key."""

    @property
    def path(self) -> Path:
        """Where it is."""

    def mend(self) -> str | None:
        """Remove it if it is damaged, and say so; None if it is whole, or not there. The caller holds its lock."""


@dataclass(frozen=True, kw_only=True)
class KeptDirectory:
    """A directory with a manifest, there whole or not at all."""

    path: Path

    def mend(self) -> str | None:
        """See `Kept`."""
        return _removed_if_damaged(self.path, self.verify) if self.path.is_dir() else None

    def verify(self) -> None:
        """Read it, the first time in this process. Raises DamagedError."""
        verify_directory(self.path)


@dataclass(frozen=True, kw_only=True)
class KeptTraining:
    """A training: weights, the state to go on from, and of a teacher its scores on target languages."""

    directory: TrainingDirectory

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.directory.path

    def mend(self) -> str | None:
        """See `Kept`. With one file all goes: trained again from the start, it gets the same weights."""
        return _removed_if_damaged(self.path, self.verify)

    def verify(self) -> None:
        """Read what may be needed of it, the first time in this process. Raises DamagedError."""
        self.directory.verify()
        for scores in self.path.glob("targets/*/*.json"):
            read_sealed(scores)


def readable(path: Path) -> Path:
    """The directory `path`, verified, for those who only read it. Raises DamagedError that says what to do."""
    try:
        verify_directory(path)
    except DamagedError as error:
        raise DamagedError(f"{error}; start the same command again, which makes it again") from error
    return path


@contextmanager
def to_be_made(storage: Storage, path: Path) -> Iterator[bool]:
    """Whether the block is to make the directory `path`: it is not there, or was damaged.

    For the driver; a trial's workers have `TrialContext.alone`. Raises OSError.
    """
    kept = KeptDirectory(path=path)
    if path.is_dir() and not _is_whole(kept):
        with storage.lock(path):
            if told := kept.mend():
                warn(told)
    yield not path.is_dir()


def _is_whole(kept: KeptDirectory) -> bool:
    try:
        kept.verify()
    except DamagedError:
        return False
    return True


def _removed_if_damaged(path: Path, verify: Callable[[], None]) -> str | None:
    try:
        verify()
    except DamagedError as error:
        remove(path)
        return f"{error}: removed, and made again"
    return None
