"""What there is in a database of studies, read without making or changing anything in it."""

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
    """kind: sqlite or postgresql. studies: how many; None where Optuna's tables are still to be made.

    schema: the revision of its tables, which is the installed Optuna's.
    """

    kind: str
    studies: int | None
    schema: str | None


def inspect_database(url: str, *, made: Path | None = None) -> StudyDatabase:
    """Look into the database. made: a directory that is made before it.

    Raises UserError if it cannot be reached or written, or is another program's or another Optuna version's.
    """
    with existing_storage(url) as storage:
        kind = sqlalchemy.make_url(url).get_backend_name()
        if kind == "sqlite":
            _check_writable(url, made)
        if storage is None:
            return StudyDatabase(kind=kind, studies=None, schema=None)
        return StudyDatabase(kind=kind, studies=len(storage.get_all_studies()), schema=storage.get_current_version())


def _check_writable(url: str, made: Path | None) -> None:
    """Raise UserError unless the file can be written, or made in its directory."""
    name = sqlalchemy.make_url(url).database or ""
    if name.startswith("file:"):
        return
    path = Path(name)
    with storage_errors(url):
        if path.exists():
            _take_write_lock(path)
        elif made is not None and path.is_relative_to(made):
            return
        elif not (path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK)):
            raise UserError(
                f"cannot use the study storage {url}: unable to open database file; check that its directory exists, "
                "that it is writable, and that the file is a study database"
            )


def _take_write_lock(path: Path) -> None:
    """SQLite says of a read-only file and of a locked one when a write begins."""
    try:
        with closing(sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise sqlalchemy.exc.DatabaseError("BEGIN IMMEDIATE", None, error) from error
