"""Stored artifacts, verified before use: directories of files, and trainings with their epochs.

With an object store, an artifact that is missing or damaged on this node is downloaded, and a new one is uploaded.
"""

import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from msd_ray.common.errors import UserError, warn
from msd_ray.common.files import sha256
from msd_ray.common.manifest import (
    MANIFEST,
    DamagedError,
    parse_sealed,
    read_sealed,
    remove,
    verify_directory,
    write_sealed,
)
from msd_ray.method.checkpoints import RECORD, EpochRecord, TrainingDirectory

from .layout import Storage
from .transfer import download_directory, download_training, upload_directory, upload_training

Keep = Callable[[tuple[EpochRecord, ...]], Collection[int]]


class StoredArtifact(Protocol):
    """An artifact under a key."""

    @property
    def path(self) -> Path:
        """Its directory on this node."""

    def repair(self) -> str | None:
        """Remove damaged files, local and in the object store, and download the artifact.

        Afterwards it is intact or missing on this node. The caller must hold its lock.

        Returns:
            A message that names the damage; None if there was none.

        Raises:
            StoreError: the object store is unusable.
        """

    def ensure_local(self) -> None:
        """Download it if it is missing or damaged on this node; for nodes that do not create it.

        Raises:
            StoreError: the object store is unusable.
            DamagedError: the artifact in the object store is damaged.
        """

    def upload(self) -> None:
        """Upload it to the object store, if there is one that lacks it. Raises StoreError."""


@dataclass(frozen=True, kw_only=True)
class StoredDirectory:
    """A directory with a manifest; complete or missing."""

    storage: Storage
    path: Path

    def repair(self) -> str | None:
        """See `StoredArtifact`."""
        return _repair(self, self.storage, MANIFEST)

    def ensure_local(self) -> None:
        """See `StoredArtifact`."""
        self.remove_damaged()
        self.download()

    def upload(self) -> None:
        """See `StoredArtifact`."""
        if self.storage.store is not None and self.path.is_dir():
            upload_directory(self.storage.store, self.storage.name(self.path), self.path)

    def is_intact(self) -> bool:
        """Whether it exists on this node and is not damaged."""
        try:
            verify_directory(self.path)
        except DamagedError:
            return False
        return True

    def remove_damaged(self) -> str | None:
        """Remove it from this node if it is damaged. Returns the damage."""
        return _remove_damaged(self.path, lambda: verify_directory(self.path)) if self.path.is_dir() else None

    def download(self) -> bool:
        """Download it if it is missing on this node. Returns whether it was. Raises DamagedError."""
        if self.storage.store is None or self.path.is_dir():
            return False
        return download_directory(self.storage.store, self.storage.name(self.path), self.path)


@dataclass(frozen=True, kw_only=True)
class StoredTraining:
    """A training: weights, the state to resume from, and for a teacher its scores on target languages."""

    storage: Storage
    directory: TrainingDirectory

    @property
    def path(self) -> Path:
        """See `StoredArtifact`."""
        return self.directory.path

    def repair(self) -> str | None:
        """See `StoredArtifact`. One damaged file removes the whole training; training again gives the same weights."""
        damage = _repair(self, self.storage, RECORD)
        self.upload()  # epochs that were committed while the object store was unavailable
        return damage

    def ensure_local(self) -> None:
        """See `StoredArtifact`."""
        self.remove_damaged()
        self.download()

    def upload(self) -> None:
        """See `StoredArtifact`."""
        if self.storage.store is not None:
            upload_training(self.storage.store, self.storage.name(self.path), self.path)

    def remove_damaged(self) -> str | None:
        """Remove it from this node if it is damaged. Returns the damage."""
        return _remove_damaged(self.path, self._verify)

    def download(self) -> bool:
        """Download it if the object store has more of it. Returns whether it had. Raises DamagedError."""
        if self.storage.store is None:
            return False
        local = self.directory.record().progress
        return download_training(self.storage.store, self.storage.name(self.path), self.path, local=local)

    def _verify(self) -> None:
        self.directory.verify()
        for scores in self.path.glob("targets/*/*.json"):
            read_sealed(scores)


def training_directory(storage: Storage, path: Path, keep: Keep, *, resume_epochs: int = 1) -> TrainingDirectory:
    """The directory of a training that uploads every committed epoch to the object store, if there is one."""
    store = storage.store
    if store is None:
        return TrainingDirectory(path=path, keep=keep, resume_epochs=resume_epochs)
    name = storage.name(path)
    return TrainingDirectory(
        path=path, keep=keep, resume_epochs=resume_epochs, committed=lambda: upload_training(store, name, path)
    )


def load_json(storage: Storage, path: Path) -> dict[str, Any] | None:
    """Read a sealed JSON file, from this node or else from the object store; None if it does not exist.

    Raises:
        DamagedError: the file on this node is damaged. A damaged object is treated as missing.
    """
    if path.exists():
        return read_sealed(path)
    if storage.store is None:
        return None
    text = storage.store.read(storage.name(path))
    if text is None:
        return None
    try:
        content = parse_sealed(text, f"{storage.store.uri}/{storage.name(path)}")
    except DamagedError:
        return None  # the caller computes and saves it again
    write_sealed(path, content)
    return content


def save_json(storage: Storage, path: Path, content: dict[str, Any]) -> None:
    """Write a sealed JSON file, on this node and to the object store, if there is one."""
    write_sealed(path, content)
    if storage.store is not None:
        storage.store.upload(path, storage.name(path))


def ensure_local(storage: Storage, path: Path) -> Path:
    """Return `path` after making sure that the directory is intact on this node; for readers that do not create it.

    Raises:
        DamagedError: it is missing or damaged, on this node and in the object store.
    """
    directory = StoredDirectory(storage=storage, path=path)
    if not directory.is_intact():
        with storage.lock(path):
            damage = directory.repair()
        if not path.is_dir():
            raise DamagedError(
                f"{damage or f'{path} is missing'}. Run the same command again: it creates the missing files."
            )
    return path


def trained_weights(storage: Storage, name: str, digest: str) -> Path:
    """The weights file `name` of a training, downloaded if necessary.

    Args:
        name: path relative to the storage.
        digest: expected SHA-256.

    Raises:
        UserError: the file is missing or damaged.
        StoreError: the object store is unusable.
    """
    path = storage.root / name
    if storage.store is not None and not path.is_file():
        training = path.parent.parent
        try:
            download_training(storage.store, storage.name(training), training, local=(0, 0))
        except DamagedError as error:
            raise _no_weights(str(error)) from error
    if not path.is_file():
        raise _no_weights(f"{path} is missing")
    if sha256(path) != digest:
        raise _no_weights(f"{path} is damaged (its SHA-256 differs)")
    return path


def _no_weights(reason: str) -> UserError:
    return UserError(
        f"the best student cannot be exported: {reason}. Run the command with a new --name: it reuses intact artifacts "
        "and trains the others again."
    )


@contextmanager
def create_if_missing(storage: Storage, path: Path) -> Iterator[bool]:
    """Yield whether the block must create the directory `path`: it is missing or was damaged. Then upload it.

    For the driver, which has recorded the use before; workers of a trial have `TrialContext.exclusive_lock`. The lock
    is the one that garbage collection holds during a removal, so an intact directory is not about to be removed.

    Raises:
        OSError, StoreError: the storage is unusable.
    """
    directory = StoredDirectory(storage=storage, path=path)
    with storage.lock(path):
        exists = storage.store is not None or path.is_dir()
        if exists and not directory.is_intact() and (damage := directory.repair()):
            warn(damage)
    yield not path.is_dir()
    directory.upload()


def local_root(storage: Storage) -> tuple[str, str]:
    """Host and root directory; equal for workers that share local files."""
    return socket.gethostname(), str(storage.root)


def _repair(artifact: StoredDirectory | StoredTraining, storage: Storage, marker: str) -> str | None:
    """See `StoredArtifact.repair`. marker: the completion marker, the file that is written last."""
    damages = [artifact.remove_damaged()]
    downloaded = False
    try:
        downloaded = artifact.download()
    except DamagedError as error:
        assert storage.store is not None
        storage.store.delete(f"{storage.name(artifact.path)}/{marker}")
        damages.append(str(error))
    message = "; ".join(damage for damage in damages if damage)
    return f"{message}: removed, {'downloaded again' if downloaded else 'will be created again'}" if message else None


def _remove_damaged(path: Path, verify: Callable[[], None]) -> str | None:
    try:
        verify()
    except DamagedError as error:
        remove(path)
        return str(error)
    return None
