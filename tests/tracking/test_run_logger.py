"""JournaledRunLogger on a real SQLite store: order, interrupts, a store that is unavailable at first."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow_server import MlflowServer

from msd_ray.common.errors import UserError
from msd_ray.tracking.connection import connect
from msd_ray.tracking.replay import Backoff, write_record
from msd_ray.tracking.run_logger import JournaledRunLogger, RecordsPendingError, open_run_logger
from msd_ray.tracking.study import StudyTracker

Query = Callable[[str], list[tuple[Any, ...]]]
Reopen = Callable[[], StudyTracker]
SOON = Backoff(initial_s=0.1, maximum_s=0.5)
INTERRUPTED = "SELECT value, run_uuid FROM tags WHERE key = 'interrupted'"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "records" / "first.jsonl"


def begin(run_logger: JournaledRunLogger, *numbers: int) -> None:
    for number in numbers:
        run_logger.child(f"student/{number}", name=f"student-{number}", parameters={"lr": 0.1}, tags={"t": "1"})
        run_logger.log_epoch(f"student/{number}", epoch=1, metrics={"dev_target/f1": 0.5}, timestamp_ms=1000)


def test_the_interrupted_tag_is_removed_on_resume(reopen: Reopen, journal: Path, tmp_path: Path, query: Query) -> None:
    messages: list[str] = []

    def command() -> None:
        with open_run_logger(journal, reopen, root=tmp_path, report=messages.append) as run_logger:
            begin(run_logger, 0, 1)
            run_logger.finish("student/0", state="COMPLETE")
            run_logger.drain(60)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command()
    tagged = query(INTERRUPTED)
    tracker = reopen()
    assert {run for _, run in tagged} == {tracker.parent_id, tracker.run_id("student/1")}
    assert all(when.endswith(" UTC") for when, _ in tagged)
    assert messages == []
    with open_run_logger(journal, reopen, root=tmp_path, report=messages.append) as run_logger:
        run_logger.drain(60)
    assert query(INTERRUPTED) == []


def test_pending_records_are_written_first_on_resume(
    reopen: Reopen, journal: Path, tmp_path: Path, query: Query
) -> None:
    """MLflow never responds to the first, interrupted driver; its records precede those of the second."""
    never = threading.Event()
    messages: list[str] = []

    def unavailable() -> StudyTracker:
        never.wait()
        raise AssertionError

    def command() -> None:
        with open_run_logger(journal, unavailable, root=tmp_path, report=messages.append) as run_logger:
            begin(run_logger, 0)
            assert run_logger.run_id("student/0") is None
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command()
    assert messages == [f"MLflow has not received all records: 4 records pending in {journal}."]
    assert query("SELECT COUNT(*) FROM runs") == [(0,)]
    with open_run_logger(journal, reopen, root=tmp_path, report=messages.append) as run_logger:
        begin(run_logger, 0)  # heard once more
        run_logger.log_epoch("student/0", epoch=2, metrics={"dev_target/f1": 0.6}, timestamp_ms=2000)
        run_logger.drain(60)
    assert messages[1:] == [f"4 records pending in {journal} from an earlier start; they are written to MLflow first."]
    assert query("SELECT step, value, timestamp FROM metrics WHERE key = 'dev_target/f1' ORDER BY step") == [
        (1, 0.5, 1000),
        (2, 0.6, 2000),
    ]
    assert query("SELECT COUNT(*) FROM runs") == [(2,)]
    assert query(INTERRUPTED) == []


def test_timestamps_are_those_of_the_events(reopen: Reopen, journal: Path, tmp_path: Path, query: Query) -> None:
    available = threading.Event()

    def later() -> StudyTracker:
        available.wait()
        return reopen()

    with open_run_logger(journal, later, root=tmp_path, report=print) as run_logger:
        begin(run_logger, 0)
        run_logger.finish("student/0", state="COMPLETE", metrics={"dev_target/f1": 0.5})
        after = time.time_ns() // 10**6
        time.sleep(0.1)
        available.set()
        run_logger.drain(60)
    ((start, end),) = query("SELECT start_time, end_time FROM runs WHERE name = 'student-0 ar'")
    assert start <= end <= after


def test_a_rejected_record_is_raised_by_the_next_call_with_its_line(
    reopen: Reopen, journal: Path, tmp_path: Path
) -> None:
    with open_run_logger(journal, reopen, root=tmp_path, report=print) as run_logger:
        begin(run_logger, 0)
        run_logger.child("student/0", name="student-0", parameters={"lr": 0.2}, tags={})
        with pytest.raises(UserError, match=rf"{journal}:5: .*lr was '0.1', is now '0.2'"):
            run_logger.drain(60)
        with pytest.raises(UserError, match=r"lr was '0.1', is now '0.2'"):
            run_logger.log_epoch("student/0", epoch=2, metrics={}, timestamp_ms=1)
    assert len(journal.read_text().splitlines()) == 5


def test_a_record_without_a_key_is_named_and_a_defect_of_the_tracker_is_not_its_fault(
    reopen: Reopen, tmp_path: Path
) -> None:
    tracker = reopen()
    begun = {"record": "begun", "timestamp_ms": 1, "key": "student/0", "name": "s", "parameters": {}, "tags": {}}
    for record, lacking in (({}, "record"), ({"record": "ended", "timestamp_ms": 1, "key": "student/0"}, "state")):
        with pytest.raises(UserError, match=f"the record has no key '{lacking}'"):
            write_record(tracker, record, tmp_path)
    with pytest.raises(UserError, match="unknown kind of record 'other'"):
        write_record(tracker, {"record": "other", "timestamp_ms": 1}, tmp_path)
    write_record(tracker, begun, tmp_path)
    del tracker._by_id[tracker.run_id("student/0") or ""]  # the tracker is broken
    for broken in (
        {"record": "epoch", "timestamp_ms": 1, "key": "student/0", "epoch": 1, "metrics": {}},
        {"record": "ended", "timestamp_ms": 1, "key": "student/0"}
        | {"state": "COMPLETE", "reason": None, "metrics": {}, "tags": {}},
    ):
        with pytest.raises(KeyError):
            write_record(tracker, broken, tmp_path)


def test_a_run_that_is_deleted_during_the_search_is_restored(
    reopen: Reopen, journal: Path, tmp_path: Path, query: Query
) -> None:
    lines: list[str] = []
    with open_run_logger(journal, reopen, root=tmp_path, report=lines.append) as run_logger:
        begin(run_logger, 0)
        tracker = run_logger.drain(60)
        run = tracker.run_id("student/0")
        assert run is not None
        tracker._client.delete_run(run)
        run_logger.log_epoch("student/0", epoch=2, metrics={"dev_target/f1": 0.5}, timestamp_ms=2)
        run_logger.finish("student/0", state="COMPLETE")
        rows = run_logger.drain(60).runs()
    assert [(row.run_id, row.state, row.metrics["dev_target/f1"]) for row in rows] == [(run, "COMPLETE", 0.5)]
    assert lines == ["a deleted run was restored in MLflow: student/0"]
    with open_run_logger(journal, reopen, root=tmp_path, report=print) as run_logger:
        tracker._client.delete_run(run)  # between two starts, with a record pending
        run_logger.finish("student/0", state="FAIL", reason="late")
        assert [row.tags["reason"] for row in run_logger.drain(60).runs()] == ["late"]


def test_an_empty_duplicate_run_is_deleted(reopen: Reopen, tracking_uri: str, query: Query) -> None:
    """After a request that timed out, was retried, and was executed twice."""
    tracker = reopen()
    first = tracker.child("student/0", name="s", parameters={}, tags={})
    client = connect(tracking_uri)
    tags = dict(client.get_run(first).data.tags)
    second = client.create_run(tracker._experiment, tags=tags).info.run_id
    tracker.refresh()
    assert tracker.run_id("student/0") == first
    assert query("SELECT run_uuid, lifecycle_stage FROM runs WHERE name != 'first' ORDER BY start_time") == [
        (first, "active"),
        (second, "deleted"),
    ]


@pytest.mark.slow
def test_epochs_of_many_trials_are_written_in_order(
    reopen: Reopen, journal: Path, tmp_path: Path, query: Query
) -> None:
    """Interleaved epochs of twenty trials; SQLite numbers rows in insertion order."""
    runs, epochs = 20, 15
    with open_run_logger(journal, reopen, root=tmp_path, report=print) as run_logger:
        for number in range(runs):
            run_logger.child(f"student/{number}", name=f"student-{number}", parameters={}, tags={})
        for epoch in range(1, epochs + 1):
            for number in range(runs):
                stamp = runs * epoch + number
                run_logger.log_epoch(f"student/{number}", epoch=epoch, metrics={"loss": 1.0}, timestamp_ms=stamp)
        run_logger.drain(600)
    arrived = [stamp for (stamp,) in query("SELECT timestamp FROM metrics WHERE key = 'loss' ORDER BY rowid")]
    assert arrived == list(range(runs, runs * (epochs + 1)))


@pytest.mark.slow("waits for MLflow's timeout of 20 s")
def test_a_database_locked_by_another_process(
    reopen: Reopen, journal: Path, tmp_path: Path, query: Query, capfd: pytest.CaptureFixture[str]
) -> None:
    """MLflow's own timeout is 20 s."""
    messages: list[str] = []
    with open_run_logger(journal, reopen, root=tmp_path, report=messages.append, backoff=SOON) as run_logger:
        begin(run_logger, 0)
        run_logger.drain(60)
        with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            begin(run_logger, 1)
            with pytest.raises(RecordsPendingError, match="training is complete"):
                run_logger.drain(30)
            assert "database is locked" in messages[0]
        run_logger.drain(120)
    assert len(messages) == 2
    assert "MLflow is available again" in messages[1]
    assert query("SELECT COUNT(*) FROM metrics WHERE key = 'dev_target/f1'") == [(2,)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_server_that_is_unavailable_at_first(empty_database: Path, journal: Path, tmp_path: Path) -> None:
    """As for the second language of a command."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    server = MlflowServer(tmp_path, tmp_path / "mlflow.db")

    def open_tracker() -> StudyTracker:
        return StudyTracker.open(server.uri, dataset="sample", lang="ar", study="first", parameters={}, tags={})

    messages: list[str] = []
    try:
        with open_run_logger(journal, open_tracker, root=tmp_path, report=messages.append, backoff=SOON) as run_logger:
            begin(run_logger, 0, 1)
            with pytest.raises(RecordsPendingError, match=f"5 records pending in {journal}"):
                run_logger.drain(1)
            server.start()
            rows = run_logger.drain(300).runs()
        assert sorted(row.key for row in rows) == ["student/0", "student/1"]  # begun in the same millisecond, perhaps
        assert len(messages) == 2
    finally:
        server.stop()
