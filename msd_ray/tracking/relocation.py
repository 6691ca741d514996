"""Artifact locations of a SQLite database that was moved or copied together with its storage.

MLflow stores absolute locations, `file:///OLD/mlartifacts/EXPERIMENT/...`. After `mv` they would create the old
directory anew, and after `cp -r` the copy would write into the original. They are therefore changed to the directory
where the database lies now, before MLflow reads them.
"""

import sqlite3
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
    here = _prefix(database, artifact_root)
    with sqlite_errors(tracking_uri, database), _connected(database) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for former in _left(connection, database, artifact_root):
            for table, column in _columns(connection):
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608
                    (here, len(former) + 1, len(former), former),
                )
        connection.execute("COMMIT")


def former_directory(tracking_uri: str, artifact_root: Path | None = None) -> Path | None:
    """The directory from which the database was moved or copied; None if its locations are right.

    Changes nothing. Args and Raises: see `relocate_artifacts`.
    """
    database = sqlite_path(tracking_uri)
    if database is None or not database.is_file():
        return None
    with sqlite_errors(tracking_uri, database), _connected(database) as connection:
        left = _left(connection, database, artifact_root)
    return _path_of(left[0]).parent if left else None


def _connected(database: Path) -> AbstractContextManager[sqlite3.Connection]:
    return closing(sqlite3.connect(database, timeout=CONNECT_TIMEOUT_S, isolation_level=None))


def _left(connection: sqlite3.Connection, database: Path, artifact_root: Path | None) -> list[str]:
    """Prefixes, `file:///OLD/mlartifacts/`, of locations whose artifacts moved with the database, or were copied.

    Others are those of storages that use this database from elsewhere (`--mlflow-uri`). Without any artifact nothing
    can tell; then a database that only one storage ever used is taken to be that of the storage in which it lies.
    """
    here, by_prefix = _prefix(database, artifact_root), _by_prefix(connection)
    elsewhere = [prefix for prefix in by_prefix if not _same_directory(prefix, here)]
    moved = [prefix for prefix in elsewhere if any(_path_of(here + run).exists() for run in by_prefix[prefix])]
    if moved or artifact_root is None or artifact_root.absolute().parent != database.parent:
        return moved
    return elsewhere if len(by_prefix) == 1 else []


def _by_prefix(connection: sqlite3.Connection) -> dict[str, set[str]]:
    """Prefixes of all locations of files; for each, the locations of runs after it. Experiments share their names."""
    found: dict[str, set[str]] = {}
    for table, column in _columns(connection):
        query = f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE 'file://%/{ARTIFACTS}/%'"  # noqa: S608
        for (location,) in connection.execute(query):
            storage, _, inside = location.rpartition(f"/{ARTIFACTS}/")
            runs = found.setdefault(f"{storage}/{ARTIFACTS}/", set())
            if "/" in inside:
                runs.add(inside)
    return found


def _columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Tables and columns with locations; a database of an earlier MLflow lacks some."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [(table, column) for table, column in _COLUMNS if table in tables]


def _prefix(database: Path, artifact_root: Path | None) -> str:
    root = database.parent / ARTIFACTS if artifact_root is None else artifact_root.absolute()
    return f"{root.as_uri()}/"


def _same_directory(one: str, other: str) -> bool:
    """Whether two prefixes are of one storage, perhaps by different paths."""
    if one == other:
        return True
    storages = _path_of(one).parent, _path_of(other).parent
    return all(storage.exists() for storage in storages) and storages[0].samefile(storages[1])


def _path_of(uri: str) -> Path:
    return Path(url2pathname(urlsplit(uri).path))
