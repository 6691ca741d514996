"""Where everything that is computed lies, named by what it was computed from.

    STORAGE/features/KEY    encoded corpora
    STORAGE/frozen/KEY      what an encoder's frozen layers make of an encoded corpus
    STORAGE/teachers/KEY    teachers, the weights of every epoch; targets/KEY.json their scores on a target language
    STORAGE/outputs/KEY     soft labels and [CLS] vectors of a teacher
    STORAGE/students/KEY    students
    STORAGE/words/KEY       the words of scored sentences, for people
    STORAGE/results/KEY     predictions and sentence vectors of final runs
    STORAGE/models/NAME     exported students
    STORAGE/encoders/DIGEST an encoder's files, for nodes that have no others (on an object store alone)
    STORAGE/studies/NAME.*  who runs a study
    STORAGE/records/NAME    what waits to be recorded in MLflow
    STORAGE/failures/RUN    what failed attempts said
    STORAGE/uses/STUDY      what a study has used (see `uses`)
    STORAGE/report          pages and tables of studies
    STORAGE/ray             Ray's own files

A key is a digest of all that decides the content, so that two trials, two studies or two languages that need one
thing find the same one, and a thing that is there is right: what was damaged since does not fit its digests, and is
made again (see `kept`). Who makes a thing holds its lock meanwhile.

STORAGE is a directory, or a prefix of an object store's bucket. Of that each node has a copy in the user's cache, as
far as it has needed it; locks are a node's own then, see `copies`.
"""

import hashlib
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from msd_ray.common.errors import UserError
from msd_ray.common.files import check_writable, new_file
from msd_ray.common.text import one_line
from msd_ray.data.encoders.cache import cache_directory

from .lease import held_study
from .object_store import ObjectStore

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
"""What a place that is no directory begins with."""
CONTENT_VERSION = 1
"""Raised whenever a change to the code changes what the same settings compute."""


def content_key(**content: Any) -> str:
    """A digest of JSON values: 20 hexadecimal digits."""
    canonical = json.dumps({"version": CONTENT_VERSION, **content}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


@dataclass(frozen=True, kw_only=True)
class Storage:
    """directory: one that every worker sees under the same path. store: instead of it, an object store."""

    directory: Path | None = None
    store: ObjectStore | None = None

    @classmethod
    def at(cls, place: str | Path) -> "Storage":
        """Name a directory or an object store, and write nothing.

        Raises UserError if a file is in the directory's way, or it is read-only, and for what is no URI.
        """
        if isinstance(place, str) and URI.match(place):
            return cls(store=ObjectStore.at(place))
        root = Path(place).expanduser().resolve()
        there = next(path for path in (root, *root.parents) if path.exists())
        if not there.is_dir():
            raise UserError(f"the storage {root} cannot be made: {there} is no directory; give another --storage")
        if not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"the storage {root} cannot be written: {there} is read-only; give another --storage")
        return cls(directory=root)

    @property
    def root(self) -> Path:
        """The directory; of an object store, this node's own copy of it."""
        if self.directory is not None:
            return self.directory
        assert self.store is not None
        return cache_directory() / "storage" / hashlib.sha256(self.store.uri.encode()).hexdigest()[:16]

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self.store.uri if self.store is not None else str(self.root)

    def name(self, path: Path) -> str:
        """What lies at `path`, as an object's name."""
        return path.relative_to(self.root).as_posix()

    def create(self) -> None:
        """Create the directory and see that it, and an object store, can be written. Raises UserError if not."""
        if self.store is not None:
            self.store.check()
        with self.writing():
            self.root.mkdir(parents=True, exist_ok=True)
            check_writable(self.root)

    def check(self) -> None:
        """See that everything can be written, or made, and make nothing. Raises UserError if it cannot."""
        if self.store is not None:
            self.store.check()  # within seconds
        with self.writing():
            check_writable(next(path for path in (self.root, *self.root.parents) if path.exists()))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what the system says of a write (read-only, full, a file in the way) into a UserError."""
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the storage {self.root} cannot be written: {error.strerror or error}"
                f"{f' ({error.filename})' if error.filename else ''}; "
                f"free some space, or give a writable directory with {'MSD_RAY_CACHE' if self.store else '--storage'}"
            ) from error

    def features(self, key: str) -> Path:
        """An encoded corpus."""
        return self.root / "features" / key

    def frozen_states(self, key: str) -> Path:
        """The states of an encoder's frozen layers, of an encoded corpus."""
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
        """The words of an encoded corpus, where predictions on it are to be read."""
        return self.root / "words" / key

    def results(self, key: str) -> Path:
        """What a final run leaves to be read beside its scores."""
        return self.root / "results" / key

    def model(self, name: str) -> Path:
        """An exported student."""
        return self.root / "models" / name

    def encoder(self, digest: str) -> Path:
        """An encoder's files."""
        return self.root / "encoders" / digest

    @property
    def artifacts(self) -> Path | None:
        """Where MLflow's files go when it is a database; on an object store that is for MLflow to decide."""
        return None if self.directory is None else self.directory / "mlartifacts"

    def records(self, study: str) -> Path:
        """The journal of what a study still has to record in MLflow."""
        return self.root / "records" / f"{study}.jsonl"

    def failure(self, run: str, at: datetime) -> Path:
        """What a failed attempt at a run said; MLflow gets a copy."""
        return self.root / "failures" / run.replace("/", "-") / f"{at:%Y-%m-%d-%H%M%S-%f}.txt"

    @property
    def ray(self) -> Path:
        """Ray's experiment files, where they lie in a directory."""
        return self.root / "ray"

    @contextmanager
    def study_lock(self, name: str) -> Iterator[None]:
        """Hold a study: one driver at a time may go on with it. Raises UserError if another one does, and says which.

        Who holds it stands in `NAME.holder`, for people; the lock itself ends with its process, however that dies. On
        an object store the drivers of other machines are told by `lease`.
        """
        with ExitStack() as held:
            held.enter_context(self._locked(name))
            if self.store is not None:
                held.enter_context(held_study(self.store, name))
            yield

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """The part of `study_lock` among this machine's processes."""
        path = self.root / "studies" / f"{name}.lock"
        holder = path.with_suffix(".holder")
        lock = FileLock(path, timeout=1)  # who asks whether the study is held has it for a moment
        with self.writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout as error:  # an OSError too
                raise UserError(
                    f"another process is running the study {name} in {self.place}{_named(holder)}; wait for it, or "
                    "give another --name"
                ) from error
        try:
            with self.writing(), new_file(holder) as scratch:
                now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
                scratch.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {now}", encoding="utf-8")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    @contextmanager
    def lock(self, path: Path) -> Iterator[None]:
        """Hold `path` for this process; another one that wants it waits. Freed when the process dies."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock")):
            yield


def _named(holder: Path) -> str:
    """Who holds a study, in brackets; nothing where that has not been written yet."""
    try:
        return f" ({one_line(holder.read_text(encoding='utf-8', errors='surrogateescape'))})"
    except FileNotFoundError:
        return ""
