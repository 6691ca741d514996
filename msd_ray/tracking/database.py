"""Checks a tracking URI within seconds, and creates a SQLite database whole or not at all.

Left alone, MLflow retries a database that cannot work for more than a minute and a server for four minutes, and a
process killed during the seconds in which it creates its tables leaves a SQLite file that it can never open again.
"""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from msd_ray.common.errors import UserError

from .client import create_tables
from .outages import failure
from .uri import is_server, shown_uri, sqlite_path

CONNECT_TIMEOUT_S = 5


def prepare_database(tracking_uri: str) -> None:
    """Make sure that a database URI can be written to now; a server's is checked by the first request.

    Raises:
        UserError: unknown kind of URI; unreachable, unwritable, locked, or another program's database.
    """
    path = sqlite_path(tracking_uri)
    if path is not None:
        _prepare_sqlite(path, tracking_uri)
    elif urlsplit(tracking_uri).scheme.split("+")[0] in {"postgresql", "mysql", "mssql"}:
        _connect(tracking_uri)
    elif not is_server(tracking_uri):
        raise UserError(
            f"--mlflow-uri {shown_uri(tracking_uri)}: not a tracking address that can be used; "
            "give sqlite:///FILE, http(s)://HOST:PORT of an MLflow server, or postgresql://USER@HOST/DATABASE"
        )


def _prepare_sqlite(path: Path, uri: str) -> None:
    if path.exists() and not path.is_file():
        # A device as well: what is created below would take its place.
        raise UserError(
            f"--mlflow-uri {shown_uri(uri)}: cannot be written ({path} is no ordinary file); name another one"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass  # a read-only place fails here at once; the lock and MLflow would try for a minute each
        # Two drivers (two languages) may start on one new storage at the same moment.
        with FileLock(f"{path}.lock", timeout=60):
            if path.exists() and path.stat().st_size > 0:
                _check_sqlite(path)
            else:
                _create_sqlite(path)
    except (OSError, sqlite3.Error) as error:
        raise failure(
            error,
            f"--mlflow-uri {shown_uri(uri)}: cannot be written ({error})",
            "; choose a writable --storage with free space, or another --mlflow-uri",
        ) from error


def _check_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=CONNECT_TIMEOUT_S, isolation_level=None)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"experiments", "runs", "latest_metrics"} <= tables:
            raise UserError(f"--mlflow-uri: {path} is an SQLite database of another program; name a file of its own")
        database.execute("BEGIN IMMEDIATE")  # fails on a read-only file and while another program holds it
        database.execute("ROLLBACK")


def _create_sqlite(path: Path) -> None:
    """MLflow fills a scratch file; what appears under `path` is a finished copy of it."""
    scratch, copy = (path.with_name(f".{path.name}.{part}") for part in ("scratch", "copy"))
    try:
        for leftover in (scratch, copy):
            leftover.unlink(missing_ok=True)
        create_tables(f"sqlite:///{scratch}")
        with closing(sqlite3.connect(scratch)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        os.replace(copy, path)  # noqa: PTH105 - the atomic step, named as such
    finally:
        for leftover in (scratch, copy):
            leftover.unlink(missing_ok=True)


def _connect(uri: str) -> None:
    import sqlalchemy

    shown = shown_uri(uri)
    try:
        timeout = {} if uri.startswith("mssql") else {"connect_timeout": CONNECT_TIMEOUT_S}
        engine = sqlalchemy.create_engine(uri, connect_args=timeout)
        engine.connect().close()
        engine.dispose()
    except ModuleNotFoundError as error:
        raise UserError(
            f"--mlflow-uri {shown}: its driver is missing (no module {error.name}); "
            "install it (for PostgreSQL: pip install psycopg2-binary)"
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise failure(error, f"--mlflow-uri {shown}: no connection ({reason})", "; is the database running?") from error
