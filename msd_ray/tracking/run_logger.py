"""JournaledRunLogger: records a search's runs in a local journal, from which a thread writes them to MLflow.

    with open_run_logger(journal, open_tracker, root=storage, report=print) as run_logger:
        run_logger.child("student/3", ...)        # on disk when it returns
        ...
        tracker = run_logger.drain(600)           # wait until MLflow has every record

A search therefore continues while MLflow is unavailable. Records that a process left in its journal are written first
by the next process that opens it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.common.text import count_of, duration

from .client import fail_fast
from .journal import Journal
from .parameters import Json
from .replay import Backoff, Replay, Report
from .rows import State
from .study import StudyTracker

REQUEST_TIMEOUT_S = 60
"""Timeout of one request to an MLflow server."""
INTERRUPT_TIMEOUT_S = 5.0
"""How long an interrupted command waits for MLflow."""
REPORT_INTERVAL_S = 60.0
"""Interval of the messages of a command that waits for MLflow."""


class RecordsPendingError(Exception):
    """The study is complete but MLflow is unavailable; the message names the number of pending records and the file."""


class JournaledRunLogger:
    """The run logger of one study; create it with `open_run_logger`. Not thread-safe.

    Every method raises UserError if the journal cannot be written, or if MLflow rejected an earlier record.
    """

    def __init__(self, journal: Journal, replay: Replay, report: Report) -> None:
        self._journal, self._replay, self._report = journal, replay, report

    def child(self, key: str, *, name: str, parameters: Mapping[str, Json], tags: Mapping[str, str]) -> None:
        """Record that a run starts or resumes (`StudyTracker.child`)."""
        self._append("begun", key=key, name=name, parameters=parameters, tags=dict(tags))

    def run_id(self, key: str) -> str | None:
        """MLflow's id of the run with this key; None until MLflow has created the run."""
        return None if self._replay.tracker is None else self._replay.tracker.run_id(key)

    def log_epoch(self, key: str, *, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Record an epoch's metrics; epochs count from 1."""
        self._append("epoch", key=key, epoch=epoch, metrics=_numbers(metrics), timestamp_ms=timestamp_ms)

    def log_file(self, key: str, path: Path, artifact_path: str | None = None) -> None:
        """Record a file or directory of a run; it must stay in place until MLflow has a copy."""
        self._append("files", key=key, path=self._replay.relative(path), artifact_path=artifact_path)

    def finish(
        self,
        key: str,
        *,
        state: State,
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record the end of a run."""
        self._append(
            "ended", key=key, state=state, reason=reason, metrics=_numbers(metrics or {}), tags=dict(tags or {})
        )

    def check(self) -> None:
        """Raise UserError if MLflow rejected a record."""
        if self._replay.failure is not None:
            raise self._replay.failure

    def drain(self, timeout_s: float) -> StudyTracker:
        """Wait until MLflow has every record, and return the tracker.

        Args:
            timeout_s: how long to wait without progress.

        Raises:
            RecordsPendingError: MLflow accepted no record for `timeout_s`.
            UserError: MLflow rejected a record.
        """
        pending = self._journal.pending
        progressed = reported = time.monotonic()
        while not self._replay.wait(1.0):
            self.check()
            now = time.monotonic()
            if self._journal.pending != pending:
                pending, progressed = self._journal.pending, now
            if now - progressed > timeout_s:
                why = f" ({self._replay.outage})" if self._replay.outage else ""
                raise RecordsPendingError(
                    f"training is complete, but MLflow has accepted no record for {duration(now - progressed)}{why}; "
                    f"{_pending(pending)} in {self._journal.path}"
                )
            if now - reported >= REPORT_INTERVAL_S:
                reported = now
                remaining = duration(timeout_s - (now - progressed))
                self._report(f"Waiting for MLflow, at most {remaining} more: {_pending(pending)}.")
        assert self._replay.tracker is not None
        return self._replay.tracker

    def _append(self, kind: str, *, timestamp_ms: int | None = None, **content: Any) -> None:
        self.check()
        when = time.time_ns() // 10**6 if timestamp_ms is None else timestamp_ms
        self._journal.append({"record": kind, "timestamp_ms": when, **content})
        self._replay.notify()

    def _start(self) -> None:
        if self._journal.torn_bytes:
            # The study was not updated either: a record is written before the study.
            self._report(
                f"{self._journal.path}: the last record is incomplete ({self._journal.torn_bytes} bytes) because its "
                "process was killed. It is dropped and will be recorded again."
            )
        if self._journal.pending:
            pending = _pending(self._journal.pending)
            self._report(f"{pending} in {self._journal.path} from an earlier start; they are written to MLflow first.")
        self._append("resumed")
        self._replay.start()

    def _record_interruption(self, error: BaseException) -> None:
        """Tag the unfinished runs in MLflow as interrupted, in at most INTERRUPT_TIMEOUT_S."""
        if self._replay.failure is not None or isinstance(error, RecordsPendingError):
            return
        try:
            self._append("interrupted", when=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        except UserError as unwritable:  # `error` is the one to propagate
            self._report(str(unwritable))
        if not self._replay.wait(INTERRUPT_TIMEOUT_S):
            pending = _pending(self._journal.pending)
            self._report(f"MLflow has not received all records: {pending} in {self._journal.path}.")


@contextmanager
def open_run_logger(
    journal: Path,
    open_tracker: Callable[[], StudyTracker],
    *,
    root: Path,
    report: Report,
    backoff: Backoff = Backoff(),  # noqa: B008 - frozen
) -> Iterator[JournaledRunLogger]:
    """Open the run logger of a study. One process at a time, main thread only.

    Args:
        journal: path of the journal.
        open_tracker: opens the study in MLflow; called from another thread until MLflow is available.
        root: directory that contains the artifacts of the runs.
        report: prints a message to the user; called from any thread.
        backoff: delays between attempts while MLflow is unavailable.

    Raises:
        UserError: the journal is unwritable or damaged.
    """
    opened = Journal.open(journal)
    replay = Replay(opened, open_tracker, root=root, report=report, backoff=backoff)
    run_logger = JournaledRunLogger(opened, replay, report)
    with fail_fast(REQUEST_TIMEOUT_S):
        run_logger._start()
        try:
            yield run_logger
        except BaseException as error:
            run_logger._record_interruption(error)
            raise
        finally:
            replay.stop(1.0)
            opened.close()


def _numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def _pending(count: int) -> str:
    return f"{count_of(count, 'record')} pending"
