"""StudyTracker on a PostgreSQL store without a server."""

from pathlib import Path

import psycopg
import pytest
from postgres_server import PostgresServer

from msd_ray.common.errors import UserError
from msd_ray.tracking.connection import connect
from msd_ray.tracking.study import StudyTracker


def write(uri: str, artifacts: Path) -> StudyTracker:
    """Everything that a study writes; a second time it is what a restarted driver writes."""
    tracker = StudyTracker.open(
        uri,
        dataset="sample",
        lang="ar",
        study="first",
        parameters={"seed": 1, "encoder": "e5-small"},
        tags={"trials": "6"},
        artifact_root=artifacts,
    )
    run = tracker.child("student/0", name="student 0", parameters={"lr": 2e-5}, tags={"data": "abc"})
    for epoch in (1, 2):
        values = {f"loss/channel_{m}": 0.1 * m for m in range(4, 12)} | {"dev_target/f1": 0.5}
        tracker.log_epoch(run, epoch=epoch, metrics=values, timestamp_ms=1000 + epoch)
    tracker.finish(run, state="PRUNED", reason="weak", metrics={"dev_target/f1": 0.6})
    tracker.parent_metrics({"dev_target/f1": 0.6})
    tracker.close()
    return tracker


@pytest.mark.slow
def test_write_twice_into_postgresql(
    postgres_server: PostgresServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = postgres_server.url("mlflow")
    write(uri, tmp_path)
    with psycopg.connect(uri) as database:
        query = "SELECT run_uuid, key, step, value, timestamp FROM metrics ORDER BY 1, 2, 3"
        points = database.execute(query).fetchall()
        assert len(points) == 2 * (9 + 1) + 1 + 1  # epochs with their numbers, the best, the parent's
    tracker = write(uri, tmp_path)
    with psycopg.connect(uri) as database:
        assert database.execute(query).fetchall() == points
        assert database.execute("SELECT COUNT(*) FROM runs").fetchone() == (2,)
        assert database.execute("SELECT name FROM experiments WHERE name LIKE 'msd%'").fetchall() == [
            ("msd-sample-ar",)
        ]
    (row,) = tracker.runs()
    assert (row.key, row.state, row.status, row.metrics["dev_target/f1"]) == ("student/0", "PRUNED", "KILLED", 0.6)
    assert capfd.readouterr() == ("", "")


def test_a_wrong_password_is_not_printed(postgres_server: PostgresServer) -> None:
    uri = postgres_server.url("mlflow")
    password = uri.split(":")[2].split("@")[0]
    with pytest.raises(UserError, match="password authentication failed") as caught:
        connect(uri.replace(password, "wrong-secret"))
    assert "wrong-secret" not in str(caught.value)
