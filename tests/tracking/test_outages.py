"""Classification of errors of the real MLflow client as outage or rejection."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from msd_ray.common.errors import UserError
from msd_ray.tracking.client import fail_fast, mlflow_errors
from msd_ray.tracking.conflicts import check_no_conflict
from msd_ray.tracking.connection import connect
from msd_ray.tracking.outages import MlflowUnavailableError, is_outage


class Responses(BaseHTTPRequestHandler):
    """Respond to every request with one status and body."""

    status, body = 200, b""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


def test_a_registry_that_cannot_be_used_is_found_at_the_start(empty_database: Path, tmp_path: Path) -> None:
    database = Path(shutil.copy(empty_database, tmp_path / "mlflow.db"))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE registered_models RENAME COLUMN description TO other")
        connection.commit()
    with pytest.raises(UserError, match=r"the model registry, for the best student: .*description"):
        check_no_conflict(
            f"sqlite:///{database}", dataset="sample", lang="tr", study="s", parameters={}, command="tune"
        )


@pytest.fixture
def responding() -> Iterator[Callable[[int, bytes], str]]:
    """Start a server with this response; its address."""
    servers = []

    def start(status: int, body: bytes) -> str:
        handler = type("Handler", (Responses,), {"status": status, "body": body})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def error_of(uri: str) -> UserError:
    """The error of a request."""
    with pytest.raises(UserError) as caught, fail_fast(5), mlflow_errors(uri):
        MlflowClient(tracking_uri=uri).get_run("0123")
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "unavailable"),
    [
        (500, b'{"error_code": "INTERNAL_ERROR", "message": "m"}', True),
        (503, b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "database is locked"}', True),
        (502, b"<html>Bad gateway</html>", True),
        (504, b"", True),
        (429, b'{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "m"}', True),
        (200, b"<html>Down for maintenance</html>", True),
        (404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "m"}', False),
        (400, b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "m"}', False),
        (401, b"", False),
        (403, b'{"error_code": "PERMISSION_DENIED", "message": "m"}', False),
    ],
)
def test_responses_of_a_server(
    responding: Callable[[int, bytes], str], status: int, body: bytes, unavailable: bool
) -> None:
    assert isinstance(error_of(responding(status, body)), MlflowUnavailableError) == unavailable


@pytest.mark.parametrize(("status", "unavailable"), [(500, True), (503, True), (403, False), (404, False)])
def test_responses_to_an_upload(
    responding: Callable[[int, bytes], str], status: int, unavailable: bool, tmp_path: Path
) -> None:
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

    uri = responding(status, b"")
    (tmp_path / "file").write_text("x")
    repository = MlflowArtifactsRepository("mlflow-artifacts:/1", tracking_uri=uri)
    with pytest.raises(UserError) as caught, fail_fast(5), mlflow_errors(uri):
        repository.log_artifact(str(tmp_path / "file"))  # type: ignore[no-untyped-call]
    assert isinstance(caught.value, MlflowUnavailableError) == unavailable


def test_connection_refused() -> None:
    error = error_of("http://127.0.0.1:9")
    assert isinstance(error, MlflowUnavailableError)
    assert error.reason.startswith("MLflow at http://127.0.0.1:9 does not work: ")
    assert str(error).endswith("run the same command again: it resumes where it stopped")


def test_locked_database_is_an_outage_and_missing_table_is_not(tmp_path: Path, tracking_uri: str) -> None:
    engine = sqlalchemy.create_engine(tracking_uri, connect_args={"timeout": 0})
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlalchemy.exc.OperationalError) as locked, engine.connect() as connection:
            connection.execute(sqlalchemy.text("DELETE FROM runs"))
        with pytest.raises(MlflowUnavailableError, match="database is locked"):
            connect(tracking_uri)
    with pytest.raises(sqlalchemy.exc.OperationalError) as absent, engine.connect() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM absent"))
    assert is_outage(locked.value, server=False)
    assert not is_outage(absent.value, server=False)


def test_a_defect_in_this_process_is_not_an_outage() -> None:
    assert not is_outage(MlflowException("a defect"), server=False)
    assert not is_outage(FileNotFoundError(2, "no such file"), server=True)


def test_a_deleted_run_is_not_an_outage(tracking_uri: str) -> None:
    client = connect(tracking_uri)
    run = client.create_run(client.create_experiment("x"))
    client.delete_run(run.info.run_id)
    with pytest.raises(UserError) as caught, mlflow_errors(tracking_uri):
        client.log_metric(run.info.run_id, "m", 1.0)
    assert not isinstance(caught.value, MlflowUnavailableError)


def test_fail_fast_restores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with fail_fast(60):
        with fail_fast(5):
            assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "60"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
