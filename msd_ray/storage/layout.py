"""Layout of a storage: paths of artifacts, named by a hash of what determines their content, and exclusive locks.

    STORAGE/features/KEY        encoded corpora
    STORAGE/frozen/KEY          outputs of an encoder's frozen layers on an encoded corpus
    STORAGE/teachers/KEY        teachers; weights of every epoch; targets/KEY: their scores on a target language
    STORAGE/outputs/KEY         a teacher's soft labels and [CLS] vectors
    STORAGE/students/KEY        students
    STORAGE/words/KEY           words of the scored sentences
    STORAGE/results/KEY         predictions and sentence vectors of final runs
    STORAGE/models/NAME         exported students
    STORAGE/encoders/DIGEST     files of an encoder (object stores only)
    STORAGE/studies/NAME.*      lock and holder of a study
    STORAGE/records/NAME.*      journal: records pending for MLflow
    STORAGE/failures/RUN        output of failed attempts
    STORAGE/uses/STUDY          artifacts that a study uses (see uses.py)
    STORAGE/report              pages and tables of studies
    STORAGE/ray                 Ray's files

Trials, studies and languages with the same settings therefore share artifacts. An artifact is verified before use and
created again if it is damaged (see artifacts.py); its lock is held meanwhile.

STORAGE is a directory, or a prefix of an object store's bucket. For an object store, each node has copies in the user's
cache, and locks are local to a node (see transfer.py).
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from msd_ray.common.errors import UserError
from msd_ray.common.files import check_writable
from msd_ray.data.encoders.cache import cache_directory

from .lease import LeaseFiles, LeasePlace, holder_of, registry_lease, study_lease
from .object_store import ObjectStore

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
"""Start of a place that is not a directory."""
CONTENT_VERSION = 1
"""Incremented when a change of the code changes what the same settings compute."""


def content_key(**content: Any) -> str:
    """Hash of JSON values: the first 20 hexadecimal digits of a SHA-256. Raises ValueError for NaN and infinity."""
    canonical = json.dumps({"version": CONTENT_VERSION, **content}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


DIRECTORIES = (
    *("encoders", "failures", "features", "frozen", "mlartifacts", "models", "outputs", "ray", "records", "report"),
    *("results", "students", "studies", "teachers", "uses", "words"),
)
"""Names in a storage that are directories."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A storage: a directory or an object store.

    Attributes:
        directory: directory that all workers see under the same path.
        store: object store, if there is no directory.
    """

    directory: Path | None = None
    store: ObjectStore | None = None

    @classmethod
    def at(cls, place: str | Path) -> "Storage":
        """The storage in a directory or an object store; writes nothing.

        Raises:
            UserError: the URI is invalid, or the directory cannot be created or written.
        """
        if isinstance(place, str) and URI.match(place):
            return cls(store=ObjectStore.at(place))
        root = Path(place).expanduser().resolve()
        existing = next(path for path in (root, *root.parents) if path.exists())
        if not existing.is_dir():
            raise UserError(
                f"the storage {root} cannot be created: {existing} is not a directory; choose another --storage"
            )
        if not os.access(existing, os.W_OK | os.X_OK):
            raise UserError(f"the storage {root} cannot be written: {existing} is read-only; choose another --storage")
        return cls(directory=root)

    @property
    def root(self) -> Path:
        """The directory; for an object store, the directory of this node's copies."""
        if self.directory is not None:
            return self.directory
        assert self.store is not None
        return cache_directory() / "storage" / hashlib.sha256(self.store.uri.encode()).hexdigest()[:16]

    @property
    def place(self) -> str:
        """Directory or URI, for messages."""
        return self.store.uri if self.store is not None else str(self.root)

    def name(self, path: Path) -> str:
        """`path` relative to the storage, as an object's name."""
        return path.relative_to(self.root).as_posix()

    def create(self) -> None:
        """Create the directory and check that it, and the object store, are writable. Raises UserError."""
        if self.store is not None:
            self.store.check()
        with self.writing():
            self.root.mkdir(parents=True, exist_ok=True)
            check_writable(self.root)

    def check(self) -> None:
        """Check, without creating it, that the storage is writable or can be created. Raises UserError."""
        if self.store is not None:
            self.store.check()
        with self.writing():
            check_writable(next(path for path in (self.root, *self.root.parents) if path.exists()))
            for path in (self.root / name for name in DIRECTORIES):
                if path.exists():
                    path.mkdir(exist_ok=True)  # fails where a file has its name
                    check_writable(path)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Convert an OSError of a write (read-only, full, not a directory) to a UserError."""
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the storage {self.root} cannot be written: {error.strerror or error}"
                f"{f' ({error.filename})' if error.filename else ''}; "
                f"free disk space, or choose a writable directory with {'MSD_RAY_CACHE' if self.store else '--storage'}"
            ) from error

    def features(self, key: str) -> Path:
        """An encoded corpus."""
        return self.root / "features" / key

    def frozen_states(self, key: str) -> Path:
        """Outputs of an encoder's frozen layers on an encoded corpus."""
        return self.root / "frozen" / key

    def teacher(self, key: str) -> Path:
        """A teacher's training."""
        return self.root / "teachers" / key

    def outputs(self, key: str) -> Path:
        """A teacher's outputs on one target corpus."""
        return self.root / "outputs" / key

    def student(self, key: str) -> Path:
        """A student's training."""
        return self.root / "students" / key

    def words(self, key: str) -> Path:
        """Words of an encoded corpus, for readers of its predictions."""
        return self.root / "words" / key

    def results(self, key: str) -> Path:
        """Predictions and sentence vectors of a final run."""
        return self.root / "results" / key

    def model(self, name: str) -> Path:
        """An exported student."""
        return self.root / "models" / name

    def encoder(self, digest: str) -> Path:
        """An encoder's files."""
        return self.root / "encoders" / digest

    @property
    def artifacts(self) -> Path | None:
        """Directory of MLflow's artifacts if MLflow is a database; None for object stores, where MLflow chooses it."""
        return None if self.directory is None else self.directory / "mlartifacts"

    def records(self, study: str) -> Path:
        """Journal of a study's records that are pending for MLflow."""
        return self.root / "records" / f"{study}.jsonl"

    def failure(self, run: str, at: datetime) -> Path:
        """Output of a failed attempt at a run; MLflow gets a copy."""
        return self.root / "failures" / run.replace("/", "-") / f"{at:%Y-%m-%d-%H%M%S-%f}.txt"

    @property
    def ray(self) -> Path:
        """Ray's experiment files."""
        return self.root / "ray"

    @contextmanager
    def study_lock(self, name: str) -> Iterator[None]:
        """Hold the exclusive lock of a study: one driver at a time.

        The lock is released when its process exits, however it exits. Where locks do not exclude the drivers of other
        machines or containers, `lease` does.

        Raises:
            UserError: another driver holds the study; the message names it.
        """
        with ExitStack() as stack:
            stack.enter_context(self._local_lock(name))
            with self.writing():
                stack.enter_context(study_lease(self._leases, name, only=self.store is not None))
            yield

    @property
    def _leases(self) -> LeasePlace:
        return LeaseFiles(root=self.root) if self.store is None else self.store

    @contextmanager
    def _local_lock(self, name: str) -> Iterator[None]:
        """`study_lock` among the processes of this machine, or of those that share the directory."""
        path = self.root / "studies" / f"{name}.lock"
        lock = FileLock(path, timeout=1)  # garbage collection holds it briefly to test it
        with self.writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout as error:  # an OSError too
                raise UserError(
                    f"another process is running the study {name} in {self.place}{holder_of(self._leases, name)}; wait "
                    "for it, or choose another --name"
                ) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def registry_lock(self) -> Iterator[None]:
        """Hold the exclusive lock of the model registry, under which the champion changes; waits for other holders."""
        with self.writing(), self.lock(self.root / "registry"), ExitStack() as stack:
            if self.store is not None:
                stack.enter_context(registry_lease(self.store))
            yield

    def lock(self, path: Path) -> BaseFileLock:
        """The exclusive lock of `path`, to be held in a `with` block. It is released when the process exits."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path.with_name(path.name + ".lock"))
