"""What is kept under a key, verified before it is used: a directory of files, or a training with its epochs.

With an object store, a thing is fetched from it where this node has none or a damaged one, and sent to it when made.
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

from .copies import fetch_directory, fetch_training, publish_directory, publish_training
from .layout import Storage

Keep = Callable[[tuple[EpochRecord, ...]], Collection[int]]


class Kept(Protocol):
    """A thing under a key."""

    @property
    def path(self) -> Path:
        """Where it is on this node."""

    def mend(self) -> str | None:
        """Remove what is damaged of it, here and in the store, and fetch it; what was damaged, for people.

        Afterwards it is here and whole, or not here. The caller holds its lock. Raises StoreError.
        """

    def fetch(self) -> None:
        """Fetch it, if it is not here and whole, for a node that does not make it. Raises StoreError, DamagedError."""

    def publish(self) -> None:
        """Send it to the store, if there is one and it has not got it. Raises StoreError."""


@dataclass(frozen=True, kw_only=True)
class KeptDirectory:
    """A directory with a manifest, there whole or not at all."""

    storage: Storage
    path: Path

    def mend(self) -> str | None:
        """See `Kept`."""
        return _mended(self, self.storage, MANIFEST)

    def fetch(self) -> None:
        """See `Kept`."""
        self.remove_damaged()
        self.bring()

    def publish(self) -> None:
        """See `Kept`."""
        if self.storage.store is not None and self.path.is_dir():
            publish_directory(self.storage.store, self.storage.name(self.path), self.path)

    def is_whole(self) -> bool:
        """Whether it is here and whole."""
        try:
            verify_directory(self.path)
        except DamagedError:
            return False
        return True

    def remove_damaged(self) -> str | None:
        """Remove it from this node if it is damaged; what was."""
        return _removed_if_damaged(self.path, lambda: verify_directory(self.path)) if self.path.is_dir() else None

    def bring(self) -> bool:
        """Fetch it unless it is here; whether it was. Raises DamagedError if the store's is damaged."""
        if self.storage.store is None or self.path.is_dir():
            return False
        return fetch_directory(self.storage.store, self.storage.name(self.path), self.path)


@dataclass(frozen=True, kw_only=True)
class KeptTraining:
    """A training: weights, the state to go on from, and of a teacher its scores on target languages."""

    storage: Storage
    directory: TrainingDirectory

    @property
    def path(self) -> Path:
        """See `Kept`."""
        return self.directory.path

    def mend(self) -> str | None:
        """See `Kept`. With one file all of a place goes: trained again from the start, it gets the same weights."""
        damage = _mended(self, self.storage, RECORD)
        self.publish()  # what was committed here when the store could not be reached
        return damage

    def fetch(self) -> None:
        """See `Kept`."""
        self.remove_damaged()
        self.bring()

    def publish(self) -> None:
        """See `Kept`."""
        if self.storage.store is not None:
            publish_training(self.storage.store, self.storage.name(self.path), self.path)

    def remove_damaged(self) -> str | None:
        """Remove it from this node if it is damaged; what was."""
        return _removed_if_damaged(self.path, self._verify)

    def bring(self) -> bool:
        """Fetch it if the store has more epochs; whether it had. Raises DamagedError if the store's is damaged."""
        if self.storage.store is None:
            return False
        have = self.directory.record().last
        return fetch_training(self.storage.store, self.storage.name(self.path), self.path, have=have)

    def _verify(self) -> None:
        self.directory.verify()
        for scores in self.path.glob("targets/*/*.json"):
            read_sealed(scores)


def training_directory(storage: Storage, path: Path, keep: Keep, *, resume_epochs: int = 1) -> TrainingDirectory:
    """A training's directory; every epoch that is committed there goes to the store too, if there is one."""
    store = storage.store
    if store is None:
        return TrainingDirectory(path=path, keep=keep, resume_epochs=resume_epochs)
    name = storage.name(path)
    return TrainingDirectory(
        path=path, keep=keep, resume_epochs=resume_epochs, committed=lambda: publish_training(store, name, path)
    )


def read_small(storage: Storage, path: Path) -> dict[str, Any] | None:
    """The content of a sealed JSON file, here or in the store; None if there is none. Raises DamagedError."""
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
        return None  # computed again, and written over
    write_sealed(path, content)
    return content


def write_small(storage: Storage, path: Path, content: dict[str, Any]) -> None:
    """Write a sealed JSON file, here and to the store."""
    write_sealed(path, content)
    if storage.store is not None:
        storage.store.upload(path, storage.name(path))


def readable(storage: Storage, path: Path) -> Path:
    """The directory `path`, here and whole, for those who only read it. Raises DamagedError that says what to do."""
    kept = KeptDirectory(storage=storage, path=path)
    if not kept.is_whole():
        with storage.lock(path):
            damage = kept.mend()
        if not path.is_dir():
            raise DamagedError(f"{damage or f'{path} is missing'}; start the same command again, which makes it")
    return path


def trained_weights(storage: Storage, name: str, digest: str) -> Path:
    """The weights file `name` below the storage with this SHA-256. Raises UserError if there is none, StoreError."""
    path = storage.root / name
    if storage.store is not None and not path.is_file():
        training = path.parent.parent
        try:
            fetch_training(storage.store, storage.name(training), training, have=0)
        except DamagedError as error:
            raise _no_weights(str(error)) from error
    if not path.is_file():
        raise _no_weights(f"{path} is missing")
    if sha256(path) != digest:
        raise _no_weights(f"{path} is damaged: its SHA-256 is another")
    return path


def _no_weights(reason: str) -> UserError:
    return UserError(
        f"the best student cannot be exported: {reason}. Start the command with a new --name: it finds all that is "
        "whole, and trains again what is not"
    )


@contextmanager
def to_be_made(storage: Storage, path: Path) -> Iterator[bool]:
    """Whether the block is to make the directory `path`: it is not there, or was damaged. Then it is sent.

    For the driver, which recorded its use before; a trial's workers have `TrialContext.exclusive_lock`. Whoever removes
    the directory holds the same lock: what is whole here is not about to go. Raises OSError, StoreError.
    """
    kept = KeptDirectory(storage=storage, path=path)
    with storage.lock(path):
        if (storage.store is not None or path.is_dir()) and not kept.is_whole() and (damage := kept.mend()):
            warn(damage)
    yield not path.is_dir()
    kept.publish()


def node(storage: Storage) -> tuple[str, str]:
    """What workers have in common that see the same files."""
    return socket.gethostname(), str(storage.root)


def _mended(kept: KeptDirectory | KeptTraining, storage: Storage, last: str) -> str | None:
    """See `Kept.mend`. last: the file that makes the rest a thing."""
    damages = [kept.remove_damaged()]
    fetched = False
    try:
        fetched = kept.bring()
    except DamagedError as error:
        assert storage.store is not None
        storage.store.delete(f"{storage.name(kept.path)}/{last}")
        damages.append(str(error))
    told = "; ".join(damage for damage in damages if damage)
    return f"{told}: removed, {'and fetched' if fetched else 'to be made'} again" if told else None


def _removed_if_damaged(path: Path, verify: Callable[[], None]) -> str | None:
    try:
        verify()
    except DamagedError as error:
        remove(path)
        return str(error)
    return None
