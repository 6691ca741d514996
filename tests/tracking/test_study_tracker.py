"""StudyTracker on a SQLite store, row by row; `test_mlflow_stores` has what all stores do."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from msd_ray.common.errors import UserError
from msd_ray.tracking.study import StudyTracker

Query = Callable[[str], list[tuple[Any, ...]]]
Reopen = Callable[[], StudyTracker]

EPOCH = {f"loss/channel_{m}": 0.1 * m for m in range(4, 12)} | {"dev_target/f1": 0.5}


def write_everything(tracker: StudyTracker, *, timestamp_ms: int = 1000) -> str:
    run = tracker.child("student/0", name="student 0", parameters={"lr": 2e-5}, tags={"data": "abc"})
    for epoch in (1, 2):
        values = {**EPOCH, "time/epoch_s": timestamp_ms / 7}
        tracker.log_epoch(run, epoch=epoch, metrics=values, timestamp_ms=timestamp_ms + epoch)
    summary = {"dev_target/f1": 0.6, "time/total_s": timestamp_ms / 3}
    tracker.finish(run, state="COMPLETE", metrics=summary, tags={"versions": "1"})
    tracker.parent_metrics({"dev_target/f1": 0.6})
    tracker.close()
    return run


def test_writing_everything_again_adds_nothing(reopen: Reopen, query: Query) -> None:
    first = write_everything(reopen())
    points = query("SELECT run_uuid, key, step, value, timestamp FROM metrics ORDER BY 1, 2, 3")
    again = write_everything(reopen(), timestamp_ms=90_000)
    assert again == first
    assert query("SELECT run_uuid, key, step, value, timestamp FROM metrics ORDER BY 1, 2, 3") == points
    assert len(points) == 2 * (len(EPOCH) + 2) + 2 + 1
    assert query("SELECT COUNT(*) FROM runs") == [(2,)]
    assert query("SELECT name FROM experiments WHERE name LIKE 'msd%'") == [("msd-sample-ar",)]
    assert sorted(query("SELECT key, value FROM params")) == [
        ("encoder", "e5-small"),
        ("lr", "2e-05"),
        ("seed", "1"),
    ]


def test_runs_shows_the_selected_epoch_and_not_the_last(reopen: Reopen) -> None:
    run = write_everything(reopen())
    (row,) = reopen().runs()
    assert (row.run_id, row.key, row.name, row.phase) == (run, "student/0", "student 0 ar", "student")
    assert (row.state, row.status) == ("COMPLETE", "FINISHED")
    assert row.metrics["dev_target/f1"] == 0.6
    assert row.metrics["loss/channel_4"] == EPOCH["loss/channel_4"]
    assert row.parameters == {"lr": "2e-05"}
    assert row.tags["versions"] == "1"


@pytest.mark.parametrize(("state", "status"), [("COMPLETE", "FINISHED"), ("PRUNED", "KILLED"), ("FAIL", "FAILED")])
def test_states_and_their_mlflow_status(reopen: Reopen, state: Any, status: str) -> None:
    tracker = reopen()
    run = tracker.child("teacher/1", name="teacher 1", parameters={}, tags={})
    assert [(row.state, row.status) for row in tracker.runs()] == [(None, "RUNNING")]
    tracker.finish(run, state=state, reason="loss is not finite at step 7, lr 0.1")
    (row,) = tracker.runs()
    assert (row.state, row.status, row.tags["reason"]) == (state, status, "loss is not finite at step 7, lr 0.1")


def test_a_retry_that_completes_leaves_no_reason(reopen: Reopen) -> None:
    tracker = reopen()
    run = tracker.child("final/best/seed-1", name="f", parameters={}, tags={})
    tracker.log_epoch(run, epoch=1, metrics=EPOCH, timestamp_ms=1)
    tracker.finish(run, state="FAIL", reason="out of memory")
    assert reopen().child("final/best/seed-1", name="f", parameters={}, tags={}) == run  # the retry
    tracker = reopen()
    tracker.log_epoch(run, epoch=2, metrics=EPOCH, timestamp_ms=2)
    (row,) = tracker.runs()
    assert row.status == "RUNNING"
    assert not {"state", "reason"} & row.tags.keys()
    tracker.finish(run, state="COMPLETE")
    (row,) = tracker.runs()
    assert (row.state, row.tags.get("reason")) == ("COMPLETE", None)


def test_a_retry_whose_epochs_are_all_stored_leaves_no_reason(reopen: Reopen) -> None:
    tracker = reopen()
    run = tracker.child("final/best/seed-1", name="f", parameters={}, tags={})
    tracker.finish(run, state="FAIL", reason="the node died")
    tracker.finish(run, state="COMPLETE")
    tracker.finish(run, state="COMPLETE")  # a repeated record
    assert [(row.state, row.tags.get("reason")) for row in tracker.runs()] == [("COMPLETE", None)]
    tracker.finish(run, state="FAIL", reason="the disk is full")
    assert [row.tags["reason"] for row in tracker.runs()] == ["the disk is full"]


def test_mlflow_stores_a_repeated_point_once(reopen: Reopen, query: Query) -> None:
    """The SQL store's primary key is the second line of defence behind the tracker's own check."""
    tracker = reopen()
    run = tracker.child("student/0", name="s", parameters={}, tags={})
    for _ in range(2):
        tracker._log_metrics(run, EPOCH, step=3, timestamp_ms=5)
    assert query("SELECT COUNT(*) FROM metrics") == [(len(EPOCH),)]


def test_the_first_report_of_an_epoch_is_kept(reopen: Reopen, query: Query) -> None:
    run = reopen().child("student/0", name="s", parameters={}, tags={})
    tracker = reopen()
    tracker.log_epoch(run, epoch=1, metrics={"time/epoch_s": 3.0}, timestamp_ms=1)
    tracker.log_epoch(run, epoch=1, metrics={"time/epoch_s": 4.0}, timestamp_ms=2)
    assert query("SELECT step, value FROM metrics WHERE key = 'time/epoch_s'") == [(1, 3.0)]


def test_the_parent_is_running_after_a_resume(reopen: Reopen, query: Query) -> None:
    tracker = reopen()
    tracker.close()
    of_parent = f"SELECT status, name FROM runs WHERE run_uuid = '{tracker.parent_id}'"
    assert query(of_parent) == [("FINISHED", "first")]
    assert reopen().parent_id == tracker.parent_id
    assert query(of_parent) == [("RUNNING", "first")]


def test_parent_metric_steps_count_the_changes(reopen: Reopen, query: Query) -> None:
    for value in (0.5, 0.5, 0.7, math.nan, math.nan):
        reopen().parent_metrics({"dev_target/f1": value})
    assert query("SELECT step, value, is_nan FROM metrics ORDER BY step") == [
        (0, 0.5, 0),
        (1, 0.7, 0),
        (2, 0.0, 1),
    ]


def test_two_studies_share_an_experiment_but_no_runs(reopen: Reopen, tracking_uri: str) -> None:
    first = reopen()
    second = StudyTracker.open(
        tracking_uri, dataset="sample", lang="ar", study='it\'s "second"', parameters={}, tags={}
    )
    runs = {t.child("student/0", name="s", parameters={}, tags={}) for t in (first, second)}
    assert len(runs) == 2
    assert [row.run_id for t in (first, second) for row in t.runs()] != []
    assert {row.run_id for row in first.runs()}.isdisjoint(row.run_id for row in second.runs())


def test_a_changed_setting_is_rejected_and_changes_nothing(reopen: Reopen, tracking_uri: str, query: Query) -> None:
    reopen().close()
    with pytest.raises(UserError, match=r"study first .*seed was '1', is now '2'.*--name"):
        StudyTracker.open(
            tracking_uri, dataset="sample", lang="ar", study="first", parameters={"seed": 2}, tags={"trials": "9"}
        )
    assert query("SELECT value FROM tags WHERE key = 'trials'") == [("6",)]
    assert query("SELECT value FROM params WHERE key = 'seed'") == [("1",)]
    assert query("SELECT status FROM runs") == [("FINISHED",)]
    tracker = reopen()
    tracker.child("student/0", name="s", parameters={"lr": 0.1}, tags={})
    with pytest.raises(UserError, match=r"run student/0 .*lr was '0.1', is now '0.2'"):
        tracker.child("student/0", name="s", parameters={"lr": 0.2}, tags={})


def test_artifacts_are_stored_next_to_the_database(reopen: Reopen, tmp_path: Path) -> None:
    tracker = reopen()
    run = tracker.child("final/best/seed-1", name="f", parameters={}, tags={})
    card = tmp_path / "card.md"
    card.write_text("# best")
    for _ in range(2):
        tracker.log_file(run, card, "model")
    stored = tmp_path / "mlartifacts" / "msd-sample-ar" / run / "artifacts" / "model" / "card.md"
    assert stored.read_text() == "# best"
    with pytest.raises(UserError, match=r"nothing\.md"):
        tracker.log_file(run, tmp_path / "nothing.md")


def test_logging_an_epoch_is_fast(reopen: Reopen) -> None:
    tracker = reopen()
    run = tracker.child("student/0", name="s", parameters={}, tags={})
    metrics = {f"per_type/T{i}/f1": i / 60 for i in range(60)}
    seconds = []
    for epoch in range(1, 21):
        start = time.perf_counter()
        tracker.log_epoch(run, epoch=epoch, metrics=metrics, timestamp_ms=epoch)
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[10] < 0.25, seconds  # 0.01 to 0.04 s on an idle machine; one call a metric takes 0.5 s


def opened(tracking_uri: str, study: str, *, resumed: bool = False) -> StudyTracker:
    return StudyTracker.open(
        tracking_uri, dataset="sample", lang="ar", study=study, parameters={}, tags={}, resumed=resumed
    )


def test_a_study_in_a_renamed_experiment_is_resumed_there_after_another_study(tracking_uri: str) -> None:
    first = opened(tracking_uri, "first")
    first._client.rename_experiment(first._experiment, "ours")
    second = opened(tracking_uri, "second")
    assert second._experiment != first._experiment
    assert opened(tracking_uri, "first").parent_id == first.parent_id
    assert opened(tracking_uri, "second").parent_id == second.parent_id


def test_the_newest_deleted_parent_run_is_restored(tracking_uri: str) -> None:
    old = opened(tracking_uri, "first")
    old._client.delete_run(old.parent_id)
    new = opened(tracking_uri, "first")
    assert new.parent_id != old.parent_id
    assert not new.parent_restored
    new._client.delete_run(new.parent_id)
    again = opened(tracking_uri, "first", resumed=True)
    assert again.parent_id == new.parent_id
    assert again.parent_restored


def test_the_complete_one_of_two_runs_with_a_key_is_used(reopen: Reopen) -> None:
    tracker = reopen()
    failed = tracker.child("student/0", name="s", parameters={}, tags={})
    tracker.log_epoch(failed, epoch=1, metrics=EPOCH, timestamp_ms=1)
    tracker.finish(failed, state="FAIL")
    tracker._client.delete_run(failed)
    tracker.refresh()
    complete = write_everything(tracker)
    tracker._client.restore_run(failed)
    tracker.refresh()
    assert tracker.run_id("student/0") == complete
