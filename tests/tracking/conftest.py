"""Fixtures: a SQLite store that is created once and copied, and queries on it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from chromium import browser
from recorded_studies import record_ablation, record_search

from msd_ray.tracking.database import prepare_database
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri

__all__ = ["browser"]

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("empty")
    prepare_database(default_tracking_uri(storage))
    return storage / "mlflow.db"


@pytest.fixture
def tracking_uri(empty_database: Path, tmp_path: Path) -> str:
    """An empty database to copy: MLflow takes seconds to create one."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return default_tracking_uri(tmp_path)


@pytest.fixture(scope="session")
def recorded_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search and an ablation in Arabic and in Hindi (`recorded_studies`), oldest first; read-only."""
    storage = tmp_path_factory.mktemp("recorded")
    shutil.copy(empty_database, storage / "mlflow.db")
    uri = default_tracking_uri(storage)
    record_search(uri, "ar")
    record_ablation(uri, "ar")
    record_search(uri, "hi")
    record_ablation(uri, "hi", rows=("msd", "no-all"))
    return storage / "mlflow.db"


@pytest.fixture
def query(tmp_path: Path) -> Callable[[str], Rows]:
    """Run SQL on `tmp_path/mlflow.db` directly."""

    def run(sql: str) -> Rows:
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
            return database.execute(sql).fetchall()

    return run


@pytest.fixture
def reopen(tracking_uri: str) -> Callable[[], StudyTracker]:
    """Open the study `first`, like a restarted driver."""

    def run() -> StudyTracker:
        return StudyTracker.open(
            tracking_uri,
            dataset="sample",
            lang="ar",
            study="first",
            parameters={"seed": 1, "encoder": "e5-small"},
            tags={"trials": "6"},
        )

    return run
