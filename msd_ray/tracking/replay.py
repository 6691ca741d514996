"""A thread that tells MLflow what a journal holds, in order, for as long as it takes.

If MLflow is away (see `outages`) it waits, longer and longer up to a bound, and tells the same record again. What
MLflow refuses is not told again: it is kept as `failure`, for the driver to end with.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from msd_ray.common.errors import UserError
from msd_ray.common.text import duration

from .journal import Entry, Journal
from .outages import MlflowAwayError
from .study import StudyTracker

Result = TypeVar("Result")
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds before the first repetition and at most before any; each wait is twice the one before."""

    first_s: float = 1.0
    longest_s: float = 60.0

    def waits(self) -> Iterator[float]:
        """The waits in order, without end."""
        wait = self.first_s
        while True:
            yield wait
            wait = min(2 * wait, self.longest_s)


class _StoppedError(Exception):
    """The driver wants no more to be told."""


class Replay:
    """Begins with `start`. root: what the paths of files in the journal are relative to."""

    def __init__(
        self, journal: Journal, open_tracker: Callable[[], StudyTracker], *, root: Path, say: Say, patience: Patience
    ) -> None:
        self.tracker: StudyTracker | None = None
        self.failure: BaseException | None = None
        self.away: str | None = None
        """Why MLflow is away, in its own words; None while it is not."""
        self._journal, self._open_tracker, self._root = journal, open_tracker, root
        self._say, self._patience = say, patience
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records to MLflow", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def wake(self) -> None:
        """Something was appended."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until all that was appended has been told; whether it has. Ends early if it never will."""
        with self._changed:
            self._changed.wait_for(lambda: self._told() or self.failure is not None, timeout_s)
            return self._told()

    def stop(self, timeout_s: float) -> None:
        """End the thread; one that waits for an answer of MLflow's is left to the end of the process."""
        self._stopping.set()
        self.wake()
        self._thread.join(timeout_s)

    def relative(self, path: Path) -> str:
        """A path as the journal holds it, so that a storage may be moved."""
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)

    def _told(self) -> bool:
        return self.tracker is not None and self._journal.waiting == 0

    def _run(self) -> None:
        try:
            self.tracker = tracker = self._insist(self._open_tracker)
            self.wake()
            while (entry := self._next()) is not None:
                self._tell(tracker, entry)
                self._journal.done(entry)
                self.wake()
        except _StoppedError:
            pass
        except BaseException as error:
            self.failure = error
            self.wake()

    def _next(self) -> Entry | None:
        with self._changed:
            while not self._stopping.is_set():
                if (entry := self._journal.next()) is not None:
                    return entry
                self._changed.wait()
        return None

    def _tell(self, tracker: StudyTracker, entry: Entry) -> None:
        try:
            self._insist(lambda: tell(tracker, entry.record, self._root), before_again=tracker.refresh)
        except UserError as error:
            raise UserError(
                f"{str(error).rstrip('.')}. The record is line {entry.line} of {self._journal.path}; without that line "
                "the same command leaves it out"
            ) from error

    def _insist(self, action: Callable[[], Result], before_again: Callable[[], None] = lambda: None) -> Result:
        """Do it until MLflow answers. Raises what MLflow refuses, and _StoppedError."""
        waits = self._patience.waits()
        since: float | None = None
        while True:
            try:
                if since is not None:
                    before_again()
                result = action()
            except MlflowAwayError as error:
                self.away = error.what
                if since is None:
                    since = time.monotonic()
                    self._say(
                        f"{error.what}. The search goes on; what it records ({self._journal.waiting} so far) waits in "
                        f"{self._journal.path}."
                    )
                if self._stopping.wait(next(waits)):
                    raise _StoppedError from error
            else:
                if since is not None:
                    self.away = None
                    self._say(
                        f"MLflow answers again, after {duration(time.monotonic() - since)}: "
                        f"{self._journal.waiting} records have waited and are written now."
                    )
                return result


def tell(tracker: StudyTracker, record: dict[str, Any], root: Path) -> None:
    """Tell a tracker one record of `records.StudyRecords`; again does no harm.

    Raises:
        MlflowAwayError: MLflow is away.
        UserError: the record can never be written.
    """
    try:
        kind, timestamp_ms = record["record"], record["timestamp_ms"]
        if kind == "begun":
            values = {name: record[name] for name in ("name", "parameters", "tags")}
            tracker.child(record["key"], **values, timestamp_ms=timestamp_ms)
        elif kind == "epoch":
            run_id = _run_of(tracker, record["key"])
            tracker.log_epoch(run_id, epoch=record["epoch"], metrics=record["metrics"], timestamp_ms=timestamp_ms)
        elif kind == "files":
            tracker.log_file(_run_of(tracker, record["key"]), root / record["path"], record["artifact_path"])
        elif kind == "ended":
            values = {name: record[name] for name in ("state", "reason", "metrics", "tags")}
            tracker.finish(_run_of(tracker, record["key"]), **values, timestamp_ms=timestamp_ms)
        elif kind == "interrupted":
            tracker.interrupted(record["when"])
        elif kind == "resumed":
            tracker.resumed()
        else:
            raise UserError(f"there are no records of the kind {kind!r}")
    except KeyError as error:
        raise UserError(f"a record lacks {error}") from error


def _run_of(tracker: StudyTracker, key: str) -> str:
    run_id = tracker.run_id(key)
    if run_id is None:
        raise UserError(
            f"MLflow has no run {key} of this study, to which a record belongs: the run was deleted there, or "
            "--mlflow-uri names another MLflow than the one that the study was begun with."
        )
    return run_id
