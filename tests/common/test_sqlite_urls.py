"""URLs of SQLite files: both databases are made in the directory that was named, whatever its name."""

from pathlib import Path

import pytest

from msd_ray.common.sqlite import sqlite_file, sqlite_url
from msd_ray.search.studies import check_storage
from msd_ray.search.studies.inspection import inspect_database
from msd_ray.tracking.connection import connect
from msd_ray.tracking.inspection import inspect_store
from msd_ray.tracking.uri import default_tracking_uri

NAMES = ["runs", "feature%2Fner", "50%41", "why?", "a b#c", "50%2541", "{x}", "Müller"]


@pytest.mark.parametrize("name", NAMES)
def test_url_and_file_are_inverse(name: str, tmp_path: Path) -> None:
    """The file of a file's URL is the file."""
    assert sqlite_file(sqlite_url(tmp_path / name / "x.db")) == tmp_path / name / "x.db"


@pytest.mark.parametrize("name", ["feature%2Fner", "50%41", "why?"])
def test_databases_are_made_where_they_were_named(name: str, tmp_path: Path) -> None:
    """Optuna's and MLflow's databases, and no file in another directory."""
    storage = tmp_path / name
    storage.mkdir()
    check_storage(sqlite_url(storage / "studies.db"))
    inspected = inspect_database(sqlite_url(storage / "studies.db"))
    assert (storage / "studies.db").stat().st_size > 0
    assert inspected.studies == 0
    uri = default_tracking_uri(storage)
    assert sqlite_file(uri) == storage / "mlflow.db"
    assert inspect_store(uri).schema is None, "not made yet"
    connect(uri)
    assert (storage / "mlflow.db").stat().st_size > 0
    assert inspect_store(uri).schema is not None
    # MLflow also makes the directory of the escaped name, without decoding it, and leaves it empty.
    others = [path for path in tmp_path.iterdir() if path != storage]
    assert not any(path for other in others for path in other.rglob("*"))


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:", "sqlite://", "postgresql://host/x", "x.db"])
def test_what_names_no_file(url: str) -> None:
    """Databases in memory and other databases have no file."""
    assert sqlite_file(url) is None
