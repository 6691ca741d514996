"""Checks a tracking URI within seconds, and creates SQLite databases atomically.

MLflow itself retries an unusable database for over a minute and a server for four minutes. A process that is killed
while MLflow creates the tables leaves a SQLite file that MLflow cannot open again.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from msd_ray.common.errors import UserError
from msd_ray.common.sqlite import ADVICE, is_locked, locked_by, sqlite_url

from .client import create_tables
from .outages import failure
from .schema import check_schema
from .uri import is_server, shown_uri, sqlite_path

CONNECT_TIMEOUT_S = 5


def prepare_database(tracking_uri: str) -> None:
    """Check that a database is writable; create a SQLite file that does not exist. Servers are not contacted.

    Raises:
        UserError: the URI is unsupported, or the database is unreachable, unwritable, locked, of another program, or of
            another MLflow.
    """
    path = sqlite_path(tracking_uri)
    if path is not None:
        _prepare_sqlite(path, tracking_uri)
    elif urlsplit(tracking_uri).scheme.split("+")[0] in {"postgresql", "mysql", "mssql"}:
        _connect(tracking_uri)
        check_schema(tracking_uri, None)
    elif not is_server(tracking_uri):
        raise UserError(
            f"--mlflow-uri {shown_uri(tracking_uri)}: unsupported tracking URI; "
            "use sqlite:///FILE, http(s)://HOST:PORT of an MLflow server, or postgresql://USER@HOST/DATABASE"
        )


def _prepare_sqlite(path: Path, uri: str) -> None:
    if path.exists() and not path.is_file():
        # Includes devices: the file that is created below would replace it.
        raise UserError(
            f"--mlflow-uri {shown_uri(uri)}: cannot be written ({path} is not a regular file); choose another file"
        )
    with sqlite_errors(uri, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass  # fails at once on a read-only file system; the lock and MLflow would each retry for a minute
        # Two commands may start on one new storage at the same time.
        with FileLock(f"{path}.lock", timeout=60):
            if path.exists() and path.stat().st_size > 0:
                _check_sqlite(path)
                check_schema(uri, path)
            else:
                _create_sqlite(path)


@contextmanager
def sqlite_errors(uri: str, path: Path) -> Iterator[None]:
    """Convert errors of a SQLite file to `MlflowUnavailableError` or `UserError`."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if is_locked(error):
            raise failure(error, f"--mlflow-uri {shown_uri(uri)}: {locked_by(path)}", f"; {ADVICE}") from error
        raise failure(
            error,
            f"--mlflow-uri {shown_uri(uri)}: cannot be written ({error})",
            "; choose a writable --storage with free space, or another --mlflow-uri",
        ) from error


def _check_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=CONNECT_TIMEOUT_S, isolation_level=None)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"experiments", "runs", "latest_metrics"} <= tables:
            raise UserError(f"--mlflow-uri: {path} is an SQLite database of another program; choose another file")
        database.execute("BEGIN IMMEDIATE")  # fails if the file is read-only or locked
        database.execute("ROLLBACK")


def _create_sqlite(path: Path) -> None:
    """Let MLflow create its tables in a scratch file, and move a finished copy to `path`."""
    scratch, copy = (path.with_name(f".{path.name}.{part}") for part in ("scratch", "copy"))
    try:
        for leftover in (scratch, copy):
            leftover.unlink(missing_ok=True)
        create_tables(sqlite_url(scratch))
        with closing(sqlite3.connect(scratch)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        os.replace(copy, path)  # noqa: PTH105 - atomic
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
