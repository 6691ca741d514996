"""StudyRecords: where a search writes what becomes of its trials. MLflow may be away meanwhile.

    with recording(journal, open_tracker, root=storage, say=print) as records:
        records.child("student/3", ...)           # on the disk when it returns; a thread tells MLflow
        ...
        tracker = records.drained(600)            # MLflow has everything, and is asked for it

What a driver did not get rid of, the next one on the same journal tells first.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.common.text import duration

from .client import impatient
from .journal import Journal
from .parameters import Json
from .replay import Patience, Replay, Say
from .rows import State
from .study import StudyTracker

ANSWER_S = 60
"""How long a server may take for one answer."""
LAST_WORDS_S = 5.0
"""How long an interrupted command waits for MLflow."""
SAID_S = 60.0
"""How often a command that waits for MLflow says so."""


class RecordsWaitError(Exception):
    """The study is complete, MLflow away: the message says what waits, and where."""


class StudyRecords:
    """One study's records; make it with `recording`. For one thread.

    Every method raises UserError if the journal cannot be written, or if MLflow refused an earlier record.
    """

    def __init__(self, journal: Journal, replay: Replay, say: Say) -> None:
        self._journal, self._replay, self._say = journal, replay, say

    def child(self, key: str, *, name: str, parameters: Mapping[str, Json], tags: Mapping[str, str]) -> None:
        """A run begins, or goes on (`StudyTracker.child`)."""
        self._append("begun", key=key, name=name, parameters=parameters, tags=dict(tags))

    def run_id(self, key: str) -> str | None:
        """MLflow's id of the run with this key; None until MLflow has said it."""
        return None if self._replay.tracker is None else self._replay.tracker.run_id(key)

    def log_epoch(self, key: str, *, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """An epoch of a run has ended."""
        self._append("epoch", key=key, epoch=epoch, metrics=_numbers(metrics), timestamp_ms=timestamp_ms)

    def log_file(self, key: str, path: Path, artifact_path: str | None = None) -> None:
        """A file or directory belongs to the run; it is to stay there until MLflow has a copy."""
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
        """A run has ended."""
        self._append(
            "ended", key=key, state=state, reason=reason, metrics=_numbers(metrics or {}), tags=dict(tags or {})
        )

    def check(self) -> None:
        """Raise UserError if MLflow refused a record."""
        if self._replay.failure is not None:
            raise self._replay.failure

    def drained(self, bound_s: float) -> StudyTracker:
        """The tracker, once MLflow has every record. `bound_s`: how long MLflow may be away.

        Raises:
            RecordsWaitError: no record was written for so long.
            UserError: MLflow refused one.
        """
        waiting, since, said = self._journal.waiting, time.monotonic(), time.monotonic()
        while not self._replay.wait(1.0):
            self.check()
            now = time.monotonic()
            if self._journal.waiting != waiting:
                waiting, since = self._journal.waiting, now
            if now - since > bound_s:
                why = f" ({self._replay.away})" if self._replay.away else ""
                raise RecordsWaitError(
                    f"training is complete, but MLflow has taken nothing for {duration(now - since)}{why}; "
                    f"{_records(waiting)} in {self._journal.path}"
                )
            if now - said >= SAID_S:
                said = now
                self._say(f"Waiting for MLflow: {_records(waiting)}, {duration(bound_s - (now - since))} more at most.")
        assert self._replay.tracker is not None
        return self._replay.tracker

    def _append(self, kind: str, *, timestamp_ms: int | None = None, **content: Any) -> None:
        self.check()
        when = time.time_ns() // 10**6 if timestamp_ms is None else timestamp_ms
        self._journal.append({"record": kind, "timestamp_ms": when, **content})
        self._replay.wake()

    def _begin(self) -> None:
        if self._journal.torn:
            self._say(
                f"The last record in {self._journal.path} was cut off when its driver died, and is dropped "
                f"({self._journal.torn} bytes): what it said is not in the study either, and will be told again."
            )
        if self._journal.waiting:
            waiting = _records(self._journal.waiting)
            self._say(f"{waiting} in {self._journal.path} from an earlier start: MLflow is told first of these.")
        self._append("resumed")
        self._replay.start()

    def _last_words(self, error: BaseException) -> None:
        """Say in MLflow that the driver ends before its trials do; it takes seconds at most."""
        if self._replay.failure is not None or isinstance(error, RecordsWaitError):
            return
        try:
            self._append("interrupted", when=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        except UserError as unwritable:  # the other error is the one to end with
            self._say(str(unwritable))
        if not self._replay.wait(LAST_WORDS_S):
            self._say(f"MLflow has not taken everything: {_records(self._journal.waiting)} in {self._journal.path}.")


@contextmanager
def recording(
    journal: Path,
    open_tracker: Callable[[], StudyTracker],
    *,
    root: Path,
    say: Say,
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> Iterator[StudyRecords]:
    """The records of a study, which one process at a time may hold. For the main thread.

    journal: its file. open_tracker: called by another thread, until MLflow answers. root: the directory in which the
    files lie that runs leave. say: told what the user should know, from any thread.

    Raises:
        UserError: the journal cannot be written or is damaged.
    """
    opened = Journal.open(journal)
    replay = Replay(opened, open_tracker, root=root, say=say, patience=patience)
    records = StudyRecords(opened, replay, say)
    with impatient(ANSWER_S):
        records._begin()
        try:
            yield records
        except BaseException as error:
            records._last_words(error)
            raise
        finally:
            replay.stop(1.0)
            opened.close()


def _numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def _records(count: int) -> str:
    return f"{count} record{' waits' if count == 1 else 's wait'}"
