"""StudyTracker with a real `mlflow server` on loopback."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow_server import mlflow_server

from msd_ray.common.errors import UserError
from msd_ray.tracking.study import StudyTracker


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    (tmp_path / "server.db").write_bytes(empty_database.read_bytes())
    with mlflow_server(tmp_path, tmp_path / "server.db") as (uri, process):
        yield uri, process


def write(uri: str, card: Path) -> StudyTracker:
    tracker = StudyTracker.open(
        uri, dataset="wikiann", lang="hi", study="served", parameters={"seed": 1}, tags={"trials": "1"}
    )
    run = tracker.child("student/0", name="student 0", parameters={"lr": 0.1}, tags={})
    stamp = time.time_ns() // 10**6
    tracker.log_epoch(run, epoch=1, metrics={"dev_target/f1": 0.3}, timestamp_ms=stamp)
    tracker.log_epoch(run, epoch=2, metrics={"dev_target/f1": 0.2}, timestamp_ms=stamp)
    tracker.log_file(run, card, "model")
    tracker.finish(run, state="PRUNED", reason="weak", metrics={"dev_target/f1": 0.3})
    tracker.parent_metrics({"dev_target/f1": 0.3})
    tracker.close()
    return tracker


@pytest.mark.slow
def test_write_twice_through_a_server(
    server: tuple[str, "subprocess.Popen[bytes]"], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri, process = server
    card = tmp_path / "card.md"
    card.write_text("# best")
    write(uri, card)
    tracker = write(uri, card)
    (row,) = tracker.runs()
    assert (row.key, row.state, row.status, row.metrics) == (
        "student/0",
        "PRUNED",
        "KILLED",
        {"dev_target/f1": 0.3, "epoch": 2.0},
    )
    points = tracker._client.get_metric_history(row.run_id, "dev_target/f1")
    assert [(point.step, point.value) for point in points] == [(1, 0.3), (2, 0.2), (3, 0.3)]
    assert [path.read_text() for path in (tmp_path / "served").rglob("card.md")] == ["# best"]
    assert capfd.readouterr() == ("", "")
    process.terminate()
    process.wait(timeout=60)
    start = time.monotonic()
    with pytest.raises(UserError, match="does not work"):
        write(uri, card)
    assert time.monotonic() - start < 15
