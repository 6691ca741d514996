"""Inspects a study database without creating or changing anything."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy

from msd_ray.common.errors import UserError

from .database import existing_storage, storage_errors

_LOCK_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class StudyDatabase:
    """A study database.

    Attributes:
        kind: sqlite or postgresql.
        studies: number of studies; None if Optuna's tables do not exist yet.
        schema: revision of the tables, equal to the installed Optuna's; None without tables.
    """

    kind: str
    studies: int | None
    schema: str | None


def inspect_database(url: str, *, created: Path | None = None) -> StudyDatabase:
    """Inspect a database.

    Args:
        created: a directory that will be created before the database.

    Raises:
        UserError: it is unreachable, unwritable, or of another program or Optuna version.
    """
    with existing_storage(url) as storage:
        kind = sqlalchemy.make_url(url).get_backend_name()
        if kind == "sqlite":
            _check_writable(url, created)
        if storage is None:
            return StudyDatabase(kind=kind, studies=None, schema=None)
        return StudyDatabase(kind=kind, studies=len(storage.get_all_studies()), schema=storage.get_current_version())


def _check_writable(url: str, created: Path | None) -> None:
    """Raise UserError unless the file is writable or can be created."""
    name = sqlalchemy.make_url(url).database or ""
    if name.startswith("file:"):
        return
    path = Path(name)
    with storage_errors(url):
        if path.exists():
            _take_write_lock(path)
        elif created is not None and path.is_relative_to(created):
            return
        elif not (path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK)):
            raise UserError(
                f"cannot use the study storage {url}: unable to open database file; check that its directory exists, "
                "that it is writable, and that the file is a study database"
            )


def _take_write_lock(path: Path) -> None:
    """Begin a write: only then does SQLite report a read-only or locked file."""
    try:
        with closing(sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise sqlalchemy.exc.DatabaseError("BEGIN IMMEDIATE", None, error) from error
