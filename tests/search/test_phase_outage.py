"""MLflow's server is killed while a phase runs: its trials end, and MLflow has all records once it is back."""

import multiprocessing
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import stored_runs
from mlflow_server import MlflowServer
from phase_driver import TRIALS, drive, drive_and_die
from small_search import MakeSearch, SmallSearch

from msd_ray.common.errors import UserError, run_command
from msd_ray.common.manifest import MANIFEST
from msd_ray.tracking.run_logger import JournaledRunLogger, RecordsPendingError

pytestmark = [pytest.mark.slow("MLflow's server is killed and started again"), pytest.mark.timeout(1200)]

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.work"])
STATES = ["COMPLETE", "PRUNED", "FAIL", "COMPLETE"]


@pytest.fixture
def server(tmp_path: Path, empty_databases: Path) -> Iterator[MlflowServer]:
    shutil.copy(empty_databases / "mlflow.db", tmp_path / "mlflow.db")
    server = MlflowServer(tmp_path, tmp_path / "mlflow.db")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def undisturbed_phase(new_search: MakeSearch) -> dict[str, Any]:
    """MLflow's contents after a phase without faults."""
    search = new_search()
    drive(search, search.setup().mlflow_uri)
    return held(search.root, search.root / "mlartifacts")


def held(database: Path, artifacts: Path) -> dict[str, Any]:
    """Everything in an MLflow database that does not differ from start to start, by run; files with their content.

    Times of children are those of the journal, and not compared.
    """
    db = database / "mlflow.db"
    found: dict[str, Any] = {}
    for run_id, name, status, stage in stored_runs.query(
        db, "SELECT run_uuid, name, status, lifecycle_stage FROM runs"
    ):
        of_run = f"WHERE run_uuid = '{run_id}'"
        tags = dict(stored_runs.query(db, f"SELECT key, value FROM tags {of_run}"))
        metrics = stored_runs.query(db, f"SELECT key, step, value, is_nan FROM metrics {of_run} ORDER BY key, step")
        files = {
            path.relative_to(folder).as_posix(): path.read_text()
            for folder in artifacts.glob(f"**/{run_id}/artifacts")
            for path in folder.rglob("*")
            if path.is_file() and path.name != MANIFEST
        }
        assert name not in found, "recorded twice"
        found[name] = {
            "status": (status, stage),
            "parameters": dict(stored_runs.query(db, f"SELECT key, value FROM params {of_run}")),
            "tags": {key: value for key, value in tags.items() if not key.startswith("mlflow.")},
            "metrics": metrics,
            "files": files,
        }
    return found


def test_the_undisturbed_phase_has_something_to_lose(undisturbed_phase: dict[str, Any]) -> None:
    assert undisturbed_phase.keys() == {"small", *(f"student-{number} ar" for number in range(TRIALS))}
    runs = [undisturbed_phase[f"student-{number} ar"] for number in range(TRIALS)]
    assert [run["tags"]["state"] for run in runs] == STATES
    assert [run["files"] for run in runs] == [
        {"results/predictions.txt": "predictions of 0"},
        {},
        {},
        {"results/predictions.txt": "predictions of 3"},
    ]
    assert ("dev_target/f1", 2, 0.5, 0) in runs[0]["metrics"]


def states(search: SmallSearch) -> list[str]:
    return [trial.state for trial in stored_runs.trials(search.root)]


def ids(database: Path) -> dict[int, str]:
    """The trials' runs in MLflow."""
    children = stored_runs.query(database, "SELECT run_uuid, value FROM tags WHERE key = 'trial'")
    return {int(number): run_id for run_id, number in children}


def test_the_server_is_killed_and_comes_back(
    server: MlflowServer, new_search: MakeSearch, undisturbed_phase: dict[str, Any], tmp_path: Path
) -> None:
    search = new_search()

    def before(step: int, run_logger: JournaledRunLogger) -> None:
        if step == 2:
            run_logger.drain(300)
            server.kill()
        if step == -1:  # all trials have ended during the outage
            assert states(search) == STATES
            assert held(tmp_path, tmp_path)["student-0 ar"]["status"] == ("RUNNING", "active")
            server.start()

    driven = drive(search, server.uri, before=before)
    assert held(tmp_path, tmp_path) == undisturbed_phase
    assert driven.run_ids == ids(tmp_path / "mlflow.db")
    assert len(driven.run_ids) == TRIALS
    lines = driven.output.splitlines()
    (away,) = [number for number, line in enumerate(lines) if "The search continues; its records (" in line]
    (back,) = [number for number, line in enumerate(lines) if "MLflow is available again after " in line]
    (last,) = [number for number, line in enumerate(lines) if "student/3: COMPLETE" in line]
    assert away < last < back
    assert f"MLflow at {server.uri} does not work: " in lines[away]
    assert list((search.root / "records").iterdir()) == [], "nothing waits"


@pytest.mark.parametrize("torn", [False, True])
def test_the_driver_dies_during_the_outage(
    torn: bool, server: MlflowServer, new_search: MakeSearch, undisturbed_phase: dict[str, Any], tmp_path: Path
) -> None:
    search = new_search()
    assert server.process is not None
    driver = PROCESSES.Process(target=drive_and_die, args=(search, server.uri, server.process.pid, 2, 6))
    driver.start()
    driver.join(600)
    assert driver.exitcode == -signal.SIGKILL
    server.process.wait(60)
    assert states(search) == [*STATES[:3], "RUNNING"]
    path = search.root / "records" / "small.jsonl"
    if torn:  # as if it had died while it recorded the start of the last trial
        path.write_bytes(path.read_bytes()[:-7])
    server.start()
    driven = drive(search, server.uri)
    assert states(search) == STATES
    assert held(tmp_path, tmp_path) == undisturbed_phase
    assert driven.run_ids == ids(tmp_path / "mlflow.db")
    assert "from an earlier start; they are written to MLflow first" in driven.output
    assert ("the last record is incomplete" in driven.output) == torn


def test_a_server_that_stays_away_ends_the_wait_within_its_bound(
    server: MlflowServer, new_search: MakeSearch, undisturbed_phase: dict[str, Any], tmp_path: Path
) -> None:
    search = new_search()

    def before(step: int, run_logger: JournaledRunLogger) -> None:
        if step == 4:
            server.kill()

    with pytest.raises(RecordsPendingError) as caught:
        drive(search, server.uri, before=before, drain_s=2)
    path = search.root / "records" / "small.jsonl"
    assert "training is complete, but MLflow has accepted no record for " in str(caught.value)
    assert f"records pending in {path}" in str(caught.value)
    assert server.uri in str(caught.value)
    assert states(search) == STATES
    server.start()
    drive(search, server.uri)
    assert held(tmp_path, tmp_path) == undisturbed_phase
    assert not path.exists()


def test_a_record_that_mlflow_refuses_ends_the_command(
    server: MlflowServer, new_search: MakeSearch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A run is removed for good while the server is unavailable to the search."""
    search = new_search()

    def before(step: int, run_logger: JournaledRunLogger) -> None:
        if step == 1:
            run_logger.drain(300)
            server.kill()
        if step == 3:
            until = time.monotonic() + 300
            while run_logger._replay.outage is None and time.monotonic() < until:
                time.sleep(0.05)
            # Before it has answers again: one of them could be to the record.
            with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
                database.execute("DELETE FROM runs WHERE name = 'student-0 ar'")
                database.commit()
            server.start()

    def command() -> int:
        drive(search, server.uri, before=before)
        return 0

    with pytest.raises(SystemExit) as ended:
        run_command(command)
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: {search.root}/records/small.jsonl:")
    assert "MLflow has no run student/0 of this study" in message
    assert "remove the line and run the same command again" in message
    assert "Traceback" not in message
    with pytest.raises(UserError, match="MLflow has no run student/0"):
        drive(search, server.uri)
