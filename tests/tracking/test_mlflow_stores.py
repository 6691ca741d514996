"""The contract of MLflow stores, kept by SQLite, PostgreSQL and a server: what StudyTracker writes and finds again."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow_server import mlflow_server
from postgres_server import PostgresServer

from msd_ray.common.errors import UserError
from msd_ray.tracking.connection import connect
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri

pytestmark = pytest.mark.slow

EPOCH = {f"loss/channel_{m}": 0.1 * m for m in range(4, 12)} | {"dev_target/f1": 0.5}
Open = Callable[..., StudyTracker]


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "server"])
def uri(
    request: pytest.FixtureRequest, empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A store of each kind."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        yield server.url("mlflow")
        return
    directory = tmp_path_factory.mktemp("store")
    shutil.copy(empty_database, directory / "mlflow.db")
    if request.param == "sqlite":
        yield default_tracking_uri(directory)
        return
    with mlflow_server(directory, directory / "mlflow.db") as (address, _):
        yield address


@pytest.fixture
def dataset() -> str:
    """A name that no other test has: stores outlive a test."""
    return f"data-{uuid.uuid4().hex}"


@pytest.fixture
def reopen(uri: str, dataset: str, tmp_path: Path) -> Open:
    """Open the study as a restarted driver does."""

    def run(**parameters: Any) -> StudyTracker:
        return StudyTracker.open(
            uri,
            dataset=dataset,
            lang="ar",
            study="first",
            parameters={"seed": 1, "encoder": "e5-small", **parameters},
            tags={"trials": "6"},
            artifact_root=tmp_path / "artifacts",
        )

    return run


def write_everything(tracker: StudyTracker, card: Path, *, timestamp_ms: int = 1000) -> str:
    run = tracker.child("student/0", name="student 0", parameters={"lr": 2e-5}, tags={"data": "abc"})
    for epoch in (1, 2):
        tracker.log_epoch(run, epoch=epoch, metrics=EPOCH, timestamp_ms=timestamp_ms + epoch)
    tracker.log_file(run, card, "model")
    tracker.finish(run, state="PRUNED", reason="weak", metrics={"dev_target/f1": 0.6})
    tracker.parent_metrics({"dev_target/f1": 0.6})
    tracker.close()
    return run


def points(uri: str, run: str) -> list[tuple[str, int, float, int]]:
    """Every point of every metric of a run."""
    client = connect(uri)
    return [
        (name, point.step, point.value, point.timestamp)
        for name in sorted(client.get_run(run).data.metrics)
        for point in client.get_metric_history(run, name)
    ]


def test_writing_everything_again_adds_nothing(
    uri: str, dataset: str, reopen: Open, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    card = tmp_path / "card.md"
    card.write_text("# best")
    tracker = reopen()
    run = write_everything(tracker, card)
    written = {one: points(uri, one) for one in (run, tracker.parent_id)}
    assert [len(of_run) for of_run in written.values()] == [2 * (len(EPOCH) + 1) + 1, 1]
    assert [(step, value) for name, step, value, _ in written[run] if name == "dev_target/f1"] == [
        (1, 0.5),
        (2, 0.5),
        (3, 0.6),
    ]
    again = reopen()
    assert write_everything(again, card, timestamp_ms=90_000) == run
    assert again.parent_id == tracker.parent_id
    assert {one: points(uri, one) for one in written} == written
    client = connect(uri)
    (experiment,) = (one for one in client.search_experiments() if dataset in one.name)
    assert experiment.name == f"msd-{dataset}-ar"
    assert len(client.search_runs([experiment.experiment_id])) == 2
    (row,) = reopen().runs()
    assert (row.run_id, row.key, row.state, row.status) == (run, "student/0", "PRUNED", "KILLED")
    assert row.metrics == {**EPOCH, "dev_target/f1": 0.6, "epoch": 2.0}
    assert row.parameters == {"lr": "2e-05"}
    assert row.tags["reason"] == "weak"
    assert [file.path for file in client.list_artifacts(run, "model")] == ["model/card.md"]
    assert Path(client.download_artifacts(run, "model/card.md", str(tmp_path))).read_text() == "# best"
    assert capfd.readouterr() == ("", "")


def test_a_failed_run_resumes(reopen: Open) -> None:
    tracker = reopen()
    run = tracker.child("student/0", name="s", parameters={}, tags={})
    tracker.log_epoch(run, epoch=1, metrics=EPOCH, timestamp_ms=1)
    tracker.finish(run, state="FAIL", reason="worker lost")
    assert [(row.state, row.status) for row in tracker.runs()] == [("FAIL", "FAILED")]
    tracker = reopen()
    tracker.log_epoch(run, epoch=2, metrics=EPOCH, timestamp_ms=2)
    assert [(row.state, row.status) for row in tracker.runs()] == [(None, "RUNNING")]
    tracker.finish(run, state="COMPLETE")
    assert [(row.state, row.status) for row in tracker.runs()] == [("COMPLETE", "FINISHED")]


def test_a_changed_setting_is_rejected_and_changes_nothing(uri: str, reopen: Open) -> None:
    tracker = reopen()
    tracker.close()
    with pytest.raises(UserError, match=r"study first .*seed was '1', is now '2'.*--name"):
        reopen(seed=2)
    parent = connect(uri).get_run(tracker.parent_id)
    assert (parent.data.params["seed"], parent.info.status) == ("1", "FINISHED")
    tracker = reopen()
    tracker.child("student/0", name="s", parameters={"lr": 0.1}, tags={})
    with pytest.raises(UserError, match=r"run student/0 .*lr was '0.1', is now '0.2'"):
        tracker.child("student/0", name="s", parameters={"lr": 0.2}, tags={})


def test_many_and_long_parameters_and_tags(uri: str, reopen: Open) -> None:
    parameters: dict[str, Any] = {**{f"p{i}": i for i in range(250)}, "long": "x" * 20_000}
    for _ in range(2):
        run = reopen().child("student/0", name="s", parameters=parameters, tags={"reason": "y" * 9000})
    stored = connect(uri).get_run(run).data
    assert stored.params.keys() == parameters.keys()
    assert len(stored.params["long"]) == 6000
    assert len(stored.tags["reason"]) == 8000
