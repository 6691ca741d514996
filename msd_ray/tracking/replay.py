"""Replay: a thread that writes the records of a journal to MLflow, in order.

While MLflow is unavailable (`outages`) it retries the same record with exponential backoff. A record that MLflow
rejects is not retried: the error is stored in `Replay.failure`, and the next call on the run logger raises it.
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
from .outages import MlflowUnavailableError
from .study import StudyTracker

Result = TypeVar("Result")
Report = Callable[[str], None]
_FIELDS = {
    "begun": ("name", "parameters", "tags"),
    "epoch": ("epoch", "metrics"),
    "files": ("path", "artifact_path"),
    "ended": ("state", "reason", "metrics", "tags"),
}
"""Arguments of the tracker's methods, by kind of record."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential backoff: the delay doubles from `initial_s` to `maximum_s` seconds."""

    initial_s: float = 1.0
    maximum_s: float = 60.0

    def delays(self) -> Iterator[float]:
        """Infinite sequence of delays, in seconds."""
        delay = self.initial_s
        while True:
            yield delay
            delay = min(2 * delay, self.maximum_s)


class _StoppedError(Exception):
    """`Replay.stop` was called during a retry."""


class Replay:
    """The thread; `start` starts it. root: base of the relative paths in the journal."""

    def __init__(
        self,
        journal: Journal,
        open_tracker: Callable[[], StudyTracker],
        *,
        root: Path,
        report: Report,
        backoff: Backoff,
    ) -> None:
        self.tracker: StudyTracker | None = None
        self.failure: BaseException | None = None
        self.outage: str | None = None
        """MLflow's error while it is unavailable, else None."""
        self._journal, self._open_tracker, self._root = journal, open_tracker, root
        self._report, self._backoff = report, backoff
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records to MLflow", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def notify(self) -> None:
        """Wake the thread: a record was appended."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until MLflow has all records or the replay has failed. Returns whether MLflow has all records."""
        with self._changed:
            self._changed.wait_for(lambda: self._drained() or self.failure is not None, timeout_s)
            return self._drained()

    def stop(self, timeout_s: float) -> None:
        """Stop the thread; if it is blocked in a request for longer than `timeout_s`, leave it to process exit."""
        self._stopping.set()
        self.notify()
        self._thread.join(timeout_s)

    def relative(self, path: Path) -> str:
        """A path as stored in the journal: relative to `root` if it is inside, so that the storage can be moved."""
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)

    def _drained(self) -> bool:
        return self.tracker is not None and self._journal.pending == 0

    def _run(self) -> None:
        try:
            self.tracker = tracker = self._retry_until_available(self._open_tracker)
            if tracker.parent_restored:
                self._report("the study's run was deleted; it was restored in MLflow")
            self.notify()
            while (entry := self._next()) is not None:
                self._write(tracker, entry)
                self._journal.mark_done(entry)
                self.notify()
        except _StoppedError:
            pass
        except BaseException as error:
            self.failure = error
            self.notify()

    def _next(self) -> Entry | None:
        with self._changed:
            while not self._stopping.is_set():
                if (entry := self._journal.next()) is not None:
                    return entry
                self._changed.wait()
        return None

    def _write(self, tracker: StudyTracker, entry: Entry) -> None:
        def write() -> None:
            try:
                write_record(tracker, entry.record, self._root)
            except MlflowUnavailableError:
                raise
            except UserError:
                key = entry.record.get("key")
                if key is None or not tracker.restore([key]):  # was the run deleted?
                    raise
                self._report(f"a deleted run was restored in MLflow: {key}")
                write_record(tracker, entry.record, self._root)

        try:
            self._retry_until_available(write, before_retry=tracker.refresh)
        except UserError as error:
            raise UserError(
                f"{self._journal.path}:{entry.line}: {str(error).rstrip('.')}. To skip this record, remove the line "
                "and run the same command again."
            ) from error

    def _retry_until_available(
        self, action: Callable[[], Result], before_retry: Callable[[], None] = lambda: None
    ) -> Result:
        """Call `action` until MLflow is available. Raises what MLflow rejects, and _StoppedError."""
        delays = self._backoff.delays()
        since: float | None = None
        while True:
            try:
                if since is not None:
                    before_retry()
                result = action()
            except MlflowUnavailableError as error:
                self.outage = error.reason
                if since is None:
                    since = time.monotonic()
                    self._report(
                        f"{error.reason}. The search continues; its records ({self._journal.pending} pending) are kept "
                        f"in {self._journal.path}."
                    )
                if self._stopping.wait(next(delays)):
                    raise _StoppedError from error
            else:
                if since is not None:
                    self.outage = None
                    self._report(
                        f"MLflow is available again after {duration(time.monotonic() - since)}: writing "
                        f"{self._journal.pending} pending records."
                    )
                return result


def write_record(tracker: StudyTracker, record: dict[str, Any], root: Path) -> None:
    """Write one record of `run_logger.JournaledRunLogger` to MLflow. Idempotent.

    Raises:
        MlflowUnavailableError: MLflow is unavailable.
        UserError: the record can never be written.
    """
    try:
        write = _writer_of(record, root)
    except KeyError as error:
        raise UserError(f"the record has no key {error}") from error
    write(tracker)


def _writer_of(record: dict[str, Any], root: Path) -> Callable[[StudyTracker], object]:
    """The call that writes a record. Raises KeyError if the record lacks a key."""
    kind, timestamp_ms = record["record"], record["timestamp_ms"]
    if kind == "interrupted":
        when = record["when"]
        return lambda tracker: tracker.mark_interrupted(when)
    if kind == "resumed":
        return StudyTracker.clear_interrupted
    if kind not in _FIELDS:
        raise UserError(f"unknown kind of record {kind!r}")
    key, values = record["key"], {name: record[name] for name in _FIELDS[kind]}
    if kind == "begun":
        return lambda tracker: tracker.child(key, **values, timestamp_ms=timestamp_ms)
    if kind == "epoch":
        return lambda tracker: tracker.log_epoch(_run_of(tracker, key), **values, timestamp_ms=timestamp_ms)
    if kind == "ended":
        return lambda tracker: tracker.finish(_run_of(tracker, key), **values, timestamp_ms=timestamp_ms)
    path = root / values.pop("path")
    return lambda tracker: tracker.log_file(_run_of(tracker, key), path, **values)


def _run_of(tracker: StudyTracker, key: str) -> str:
    run_id = tracker.run_id(key)
    if run_id is None:
        raise UserError(
            f"MLflow has no run {key} of this study: it was deleted, or --mlflow-uri is not the MLflow in which the "
            "study was started"
        )
    return run_id
