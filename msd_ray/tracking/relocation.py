"""Artifact locations of a SQLite database that was moved or copied together with its storage.

MLflow stores absolute locations, `file:///OLD/mlartifacts/EXPERIMENT/...`. After `mv` they would create the old
directory anew, and after `cp -r` the copy would write into the original. They are therefore changed to the directory
where the database lies now, before MLflow reads them.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .database import CONNECT_TIMEOUT_S, sqlite_errors
from .uri import sqlite_path

ARTIFACTS = "mlartifacts"
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def relocate_artifacts(tracking_uri: str, artifact_root: Path | None = None) -> None:
    """Change the artifact locations of a moved or copied database. To be called before MLflow connects.

    Args:
        tracking_uri: only SQLite files are changed.
        artifact_root: directory of the artifacts; default `mlartifacts` next to the file.

    Raises:
        UserError: the file is not a database, unwritable or locked.
    """
    database = sqlite_path(tracking_uri)
    if database is None or former_directory(tracking_uri, artifact_root) is None:
        return
    with sqlite_errors(tracking_uri, database), _connected(database) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, column, old, new in list(_outdated(connection, database, artifact_root)):
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, old))  # noqa: S608
        connection.execute("COMMIT")


def former_directory(tracking_uri: str, artifact_root: Path | None = None) -> Path | None:
    """The directory from which the database was moved or copied; None if its locations are right.

    Changes nothing. Args and Raises: see `relocate_artifacts`.
    """
    database = sqlite_path(tracking_uri)
    if database is None or not database.is_file():
        return None
    with sqlite_errors(tracking_uri, database), _connected(database) as connection:
        found = next(_outdated(connection, database, artifact_root), None)
        return None if found is None else _split(found[2])[0]


def _connected(database: Path) -> AbstractContextManager[sqlite3.Connection]:
    return closing(sqlite3.connect(database, timeout=CONNECT_TIMEOUT_S, isolation_level=None))


def _outdated(
    connection: sqlite3.Connection, database: Path, artifact_root: Path | None
) -> Iterator[tuple[str, str, str, str]]:
    """Table, column, location and new location of everything that `relocate_artifacts` changes."""
    home = database.parent / ARTIFACTS if artifact_root is None else artifact_root.absolute()
    here = f"{home.as_uri()}/"
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, column in _COLUMNS:
        if table not in tables:
            continue
        elsewhere = f"{column} LIKE 'file://%/{ARTIFACTS}/%' AND substr({column}, 1, ?) <> ?"
        query = f"SELECT DISTINCT {column} FROM {table} WHERE {elsewhere}"  # noqa: S608
        for (location,) in connection.execute(query, (len(here), here)):
            former, inside = _split(location)
            new = f"{here}{inside}"
            if _was_left(former, home.parent, _path_of(new)):
                yield table, column, location, new


def _split(location: str) -> tuple[Path, str]:
    """The storage of a location, and the location relative to its artifacts, as in the URI."""
    former, _, inside = location.rpartition(f"/{ARTIFACTS}/")
    return _path_of(former), inside


def _path_of(uri: str) -> Path:
    return Path(url2pathname(urlsplit(uri).path))


def _was_left(former: Path, home: Path, here: Path) -> bool:
    """Whether a database at `home` was moved or copied from `former`.

    If not, the artifacts are those of a storage whose database is elsewhere (`--mlflow-uri`). here: the artifact's
    directory if it was.
    """
    if former.exists() and home.exists() and former.samefile(home):
        return False  # the same directory by another path
    return here.exists() or not former.exists() or (former / "mlflow.db").exists()
