"""Tracking URIs: valid ones, and one clear message within seconds for invalid ones."""

import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from postgres_server import PostgresServer

from msd_ray.common.errors import UserError
from msd_ray.tracking.connection import connect
from msd_ray.tracking.database import prepare_database
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri, shown_uri, sqlite_path, ui_command


def open_at(uri: str) -> StudyTracker:
    return StudyTracker.open(uri, dataset="sample", lang="tr", study="s", parameters={}, tags={})


def assert_refused(uri: str, message: str) -> None:
    start = time.monotonic()
    with pytest.raises(UserError, match=message):
        open_at(uri)
    assert time.monotonic() - start < 20


@pytest.fixture
def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "databricks", "ftp://host/x", "sqlite://"])
def test_unsupported_uris(uri: str) -> None:
    assert_refused(uri, r"--mlflow-uri .*sqlite:///")


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("hello, this is text and no database" * 100)
    before = (tmp_path / "mlflow.db").read_bytes()
    assert_refused(default_tracking_uri(tmp_path), "file is not a database")
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_another_programs_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("CREATE TABLE studies (study_id INTEGER)")
    assert_refused(default_tracking_uri(tmp_path), "database of another program")


def test_a_database_of_an_unknown_mlflow_version(tracking_uri: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
        database.commit()
    assert_refused(tracking_uri, "a later MLflow created it: run `.*pip install --upgrade mlflow`")


def test_a_directory_and_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()
    assert_refused(default_tracking_uri(tmp_path), "cannot be written")
    (tmp_path / "file").write_text("")
    assert_refused(f"sqlite:///{tmp_path}/file/mlflow.db", "cannot be written")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system nobody can write to")
def test_a_read_only_file_system() -> None:
    assert_refused("sqlite:////proc/mlflow.db", "cannot be written")


def test_a_locked_database(tracking_uri: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert_refused(tracking_uri, "database is locked: .*mlflow.db is .*; end what holds it or wait for it")


def test_a_server_that_does_not_respond(free_port: int) -> None:
    assert_refused(f"http://127.0.0.1:{free_port}", f"MLflow at http://127.0.0.1:{free_port} does not work")


def test_a_server_that_is_not_mlflow(tmp_path: Path, free_port: int) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(free_port), "--bind", "127.0.0.1", "-d", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", free_port)) == 0:
                    break
            time.sleep(0.05)
        assert_refused(f"http://127.0.0.1:{free_port}", "does not work")
    finally:
        server.kill()
        server.wait()


def test_postgresql_without_its_driver_or_without_a_server(free_port: int) -> None:
    """Which of the two it is depends on what is installed; neither shows the password."""
    uri = f"postgresql://me:geheim@127.0.0.1:{free_port}/mlflow"
    with pytest.raises(UserError, match=r"psycopg2-binary|no connection") as caught:
        prepare_database(uri)
    assert "geheim" not in str(caught.value)
    assert shown_uri(uri) == f"postgresql://me:***@127.0.0.1:{free_port}/mlflow"


def test_a_wrong_password_is_not_printed(postgres_server: PostgresServer) -> None:
    uri = postgres_server.url("mlflow")
    password = uri.split(":")[2].split("@")[0]
    with pytest.raises(UserError, match="password authentication failed") as caught:
        connect(uri.replace(password, "wrong-secret"))
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.slow("starts MLflow's command")
def test_a_deleted_experiment(reopen: Callable[[], StudyTracker], tracking_uri: str) -> None:
    tracker = reopen()
    tracker._client.delete_experiment(tracker._experiment)
    with pytest.raises(UserError, match="mlflow experiments restore --experiment-id") as caught:
        reopen()
    (restore,) = re.findall("`(.+)`", str(caught.value))
    subprocess.run(restore, shell=True, check=True, capture_output=True)  # pasted into a shell
    assert reopen().parent_id == tracker.parent_id


def test_addresses(tmp_path: Path) -> None:
    uri = default_tracking_uri(tmp_path)
    assert sqlite_path(uri) == tmp_path / "mlflow.db"
    assert sqlite_path("sqlite:///x/y.db") == Path.cwd() / "x" / "y.db"
    assert shlex.split(ui_command(uri) or "")[1:] == ["ui", "--backend-store-uri", uri]
    assert ui_command("http://host:5000") is None


CREATE = """
import sys
from msd_ray.tracking.study import StudyTracker
tracker = StudyTracker.open(sys.argv[1], dataset="sample", lang=sys.argv[2], study="s", parameters={}, tags={})
run = tracker.child("teacher/0", name="t", parameters={"a": 1}, tags={})
tracker.log_epoch(run, epoch=1, metrics={"loss/main": 1.0}, timestamp_ms=1)
tracker.finish(run, state="COMPLETE")
"""


@pytest.mark.slow
def test_two_processes_create_one_database_concurrently_without_output(tmp_path: Path) -> None:
    uri = default_tracking_uri(tmp_path / "new" / "storage")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PYTEST"))}
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, uri, lang],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for lang in ("tr", "ar")
    ]
    for driver in drivers:
        assert driver.communicate(timeout=120) == ("", "")
        assert driver.returncode == 0
    names = sorted(path.name for path in (tmp_path / "new" / "storage").iterdir())
    assert names == ["mlflow.db", "mlflow.db.lock"]
    with closing(sqlite3.connect(tmp_path / "new" / "storage" / "mlflow.db")) as database:
        rows: list[Any] = database.execute("SELECT name FROM experiments WHERE name LIKE 'msd%'").fetchall()
        assert sorted(rows) == [("msd-sample-ar",), ("msd-sample-tr",)]
        assert database.execute("SELECT COUNT(*) FROM metrics").fetchall() == [(4,)]


TELEMETRY = """
from msd_ray.tracking.client import mlflow_errors
with mlflow_errors("sqlite:///x"):
    pass
from mlflow.telemetry.client import get_telemetry_client
from mlflow.telemetry.utils import is_telemetry_disabled
assert is_telemetry_disabled() and get_telemetry_client() is None
"""


def test_telemetry_is_off() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith(("MLFLOW", "PYTEST"))}
    subprocess.run([sys.executable, "-c", TELEMETRY], env=environment, check=True, timeout=120)
