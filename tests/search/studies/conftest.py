"""Studies in each kind of database, and an undisturbed one.

The tests that take `url` are the contract of study storages: they run on SQLite and on PostgreSQL.
"""

import uuid
from pathlib import Path

import pytest
from postgres_server import PostgresServer
from study_driver import drive, records

from msd_ray.search.studies import TrialRecord


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a study database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/studies.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    # With the driver: Optuna, which tests ask for the same studies, leaves it to SQLAlchemy, whose default has changed.
    return server.url("studies").replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def name() -> str:
    """Return a new study name: a PostgreSQL database outlives the test."""
    return f"student-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[TrialRecord]:
    """Return the trials of a run that nothing disturbed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/studies.db"
    drive(url)
    return records(url)
