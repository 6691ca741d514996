"""Where everything that is computed lies, named by what it was computed from.

    STORAGE/features/KEY    encoded corpora
    STORAGE/teachers/KEY    teachers, the weights of every epoch; targets/KEY.json their scores on a target language
    STORAGE/outputs/KEY     soft labels and [CLS] vectors of a teacher
    STORAGE/students/KEY    students
    STORAGE/words/KEY       the words of scored sentences, for people
    STORAGE/results/KEY     predictions and sentence vectors of final runs
    STORAGE/models/NAME     exported students
    STORAGE/records/NAME    what waits to be recorded in MLflow
    STORAGE/ray             Ray's own files

A key is a digest of all that decides the content, so that two trials, two studies or two languages that need one
thing find the same one, and a thing that is there is right. Who makes a thing holds its lock meanwhile.
"""

import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..errors import UserError
from ..files import new_file

CONTENT_VERSION = 1
"""Raised whenever a change to the code changes what the same settings compute."""


def content_key(**content: Any) -> str:
    """A digest of JSON values: 20 hexadecimal digits."""
    canonical = json.dumps({"version": CONTENT_VERSION, **content}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


@dataclass(frozen=True, kw_only=True)
class Storage:
    """root: a directory that every worker sees under the same path."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> "Storage":
        """Name the directory, and write nothing. Raises UserError if a file is in its way, or it is read-only."""
        root = root.expanduser().resolve()
        there = next(path for path in (root, *root.parents) if path.exists())
        if not there.is_dir():
            raise UserError(f"the storage {root} cannot be made: {there} is no directory; give another --storage")
        if not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"the storage {root} cannot be written: {there} is read-only; give another --storage")
        return cls(root=root)

    def create(self) -> None:
        """Create the directory and see that it can be written. Raises UserError if it cannot."""
        with self.writing():
            self.root.mkdir(parents=True, exist_ok=True)
            # Some bytes: an empty file can be made on a disk that is full.
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(bytes(4096))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what the system says of a write (read-only, full, a file in the way) into a UserError."""
        try:
            yield
        except OSError as error:
            raise UserError(
                f"the storage {self.root} cannot be written: {error.strerror or error}"
                f"{f' ({error.filename})' if error.filename else ''}; "
                "free some space, or give a writable directory with --storage"
            ) from error

    def features(self, key: str) -> Path:
        """An encoded corpus."""
        return self.root / "features" / key

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
        return self.root / "words" / f"{key}.parquet"

    def results(self, key: str) -> Path:
        """What a final run leaves to be read beside its scores."""
        return self.root / "results" / key

    def model(self, name: str) -> Path:
        """An exported student."""
        return self.root / "models" / name

    def records(self, study: str) -> Path:
        """The journal of what a study still has to record in MLflow."""
        return self.root / "records" / f"{study}.jsonl"

    @property
    def ray(self) -> Path:
        """Ray's experiment files."""
        return self.root / "ray"

    @contextmanager
    def study_lock(self, name: str) -> Iterator[None]:
        """Hold a study: one driver at a time may go on with it. Raises UserError if another one does, and says which.

        Who holds it stands in `NAME.holder`, for people; the lock itself ends with its process, however that dies.
        """
        path = self.root / "studies" / f"{name}.lock"
        holder = path.with_suffix(".holder")
        lock = FileLock(path, timeout=0)
        with self.writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout as error:  # an OSError too
                raise UserError(
                    f"another process is running the study {name} in {self.root}{_named(holder)}; wait for it, or give "
                    "another --name"
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
        return f" ({holder.read_text(encoding='utf-8')})"
    except FileNotFoundError:
        return ""
