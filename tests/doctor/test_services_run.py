"""MLflow and PostgreSQL of the service stack, started for real with the compose file's commands."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from service_stack import USER, Database, mlflow, postgres, postgres_programs, status
from study_driver import drive, records

pytestmark = [pytest.mark.slow, pytest.mark.extended]
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with postgres(programs) as running:
        yield running


def test_mlflow_asks_for_a_password_and_keeps_its_users(database: Database, tmp_path: Path) -> None:
    password = secrets.token_hex(8)
    with mlflow(database, tmp_path, password=password) as address:
        assert status(address + SEARCH) == 401
        assert status(address + SEARCH, login=(USER, "wrong-password")) == 401
        assert status(address + SEARCH, login=(USER, password)) == 200
        assert status(address + SEARCH, login=(USER, password), host="mlflow.example.org") == 403
    # Its users lie in PostgreSQL: a server in a new container knows them, and another first password changes nothing.
    with mlflow(database, tmp_path, password=secrets.token_hex(8)) as address:
        assert status(address + SEARCH, login=(USER, password)) == 200
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"mlflow.log", "artifacts"}, "nothing of it lies in a container's own files"


def test_postgresql_asks_for_a_password(database: Database) -> None:
    address = f"host=127.0.0.1 port={database.port} user={USER} dbname=studies"
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(address)


def test_a_study_with_the_password_in_a_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pgpass = tmp_path / "pgpass"
    pgpass.write_text(f"*:*:*:{USER}:{database.password}\n")
    pgpass.chmod(0o400)
    monkeypatch.setenv("PGPASSFILE", str(pgpass))
    url = f"postgresql://{USER}@127.0.0.1:{database.port}/studies"
    drive(url, name="student", trials=3)
    assert len(records(url, name="student")) == 3
