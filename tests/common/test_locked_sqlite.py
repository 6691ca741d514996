"""Locked SQLite files, told apart from other errors; the process that holds one is named."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from held_database import held

from msd_ray.common.sqlite import is_locked, locked_by


def test_a_lock_is_told_apart_from_other_errors(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{file}", connect_args={"timeout": 0.1})
    with held(file) as process:
        with closing(sqlite3.connect(file, timeout=0.1)) as database, pytest.raises(sqlite3.Error) as plain:
            database.execute("CREATE TABLE a (b)")
        with pytest.raises(sqlalchemy.exc.OperationalError) as wrapped, engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE a (b)"))
        text = locked_by(file)
    assert is_locked(plain.value)
    assert is_locked(wrapped.value)
    assert text.startswith(f"database is locked: {file} is open in process {process} (")
    with pytest.raises(sqlalchemy.exc.OperationalError) as missing, engine.begin() as connection:
        connection.execute(sqlalchemy.text("SELECT * FROM nothing"))
    assert not is_locked(missing.value)
    assert not is_locked(OSError("database is locked"))
    engine.dispose()


def test_a_file_that_nobody_has_open(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    assert locked_by(tmp_path / "a.db").endswith("not open in any process that may be inspected on this machine")
