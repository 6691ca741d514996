"""Exclusive lock of a study in its database, for drivers with different storages.

In PostgreSQL it is an advisory lock, which ends with its session, so that drivers of other machines are excluded. A
session is kept alive by a query every `RENEW_S` seconds, and the server ends that of a machine that is gone within two
minutes. A session that broke, as the server was restarted, is opened again; if another driver has taken the lock
meanwhile, this one stops.

Beside a SQLite file it is the lock of a file, which ends with its process.
"""

import hashlib
import os
import socket
import sys
import threading
import uuid
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, text

from msd_ray.common.errors import UserError
from msd_ray.common.sqlite import sqlite_file
from msd_ray.common.text import one_line
from msd_ray.storage.lease import renewed

from .database import storage_errors, with_driver, without_password

RENEW_S = 20.0
_KEEP_ALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 15, "tcp_keepalives_count": 4}
_BOUNDS = {"connect_timeout": 10, "tcp_user_timeout": 60_000, "keepalives_idle": 30, "keepalives_interval": 15}
"""libpq's, in seconds but `tcp_user_timeout`: a server that is gone must not block the end of a command."""
_HOLDER = text(
    "SELECT pid, application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = "
    "'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = :key AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


@contextmanager
def study_session_lock(url: str, name: str) -> Iterator[None]:
    """Hold the study `name` in this database.

    Raises:
        UserError: another driver holds it; with PostgreSQL the message names it. Or the database is unusable.
    """
    if sqlalchemy.make_url(url).get_backend_name() != "postgresql":
        with _file_lock(url, name):
            yield
        return
    lock = _SessionLock(url, name)
    with storage_errors(url):
        lock.acquire()
    with renewed(lock):
        yield


@contextmanager
def _file_lock(url: str, name: str) -> Iterator[None]:
    """Lock a file beside that of the SQLite database; without effect for a database in memory."""
    if (file := sqlite_file(url)) is None:
        yield
        return
    lock = FileLock(file.with_name(f"{file.name}.{name}.lock"), timeout=1)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:  # an OSError too
        raise _refusal(url, name) from error
    except OSError as error:
        raise UserError(
            f"cannot lock the study {name} beside {file}: {error.strerror}; check --study-storage"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _refusal(url: str, name: str, who: str = "") -> UserError:
    return UserError(
        one_line(
            f"another process is running the study {name} in {without_password(url)}{who}; wait for it, or choose "
            "another --name"
        )
    )


class _SessionLock:
    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        digest = hashlib.sha256(f"msd-ray study {name}".encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)
        # PostgreSQL's limit is 63 characters; the last word tells the sessions of this driver from all others.
        self._who = f"{f'process {os.getpid()} on {socket.gethostname()}'[:54]} {uuid.uuid4().hex[:8]}"
        self._engine: Engine = sqlalchemy.create_engine(
            with_driver(url),
            poolclass=sqlalchemy.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"application_name": self._who, **_BOUNDS},
        )
        self._session: Connection | None = None

    def acquire(self) -> None:
        """Open a session and lock the study in it. Raises UserError if another driver holds it, SQLAlchemyError."""
        session = self._engine.connect()
        try:
            for name, value in _KEEP_ALIVE.items():
                session.execute(text(f"SET {name} = {value}"))
            if session.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}):
                self._session = session
                return
            holder = session.execute(_HOLDER, {"key": self._key}).first()
            if holder is None or holder.application_name != self._who:
                raise _refusal(self._url, self._name, _described(holder))
            # Our own, which broke unnoticed by the server; the next attempt gets the lock.
            session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": holder.pid})
        finally:
            if self._session is not session:
                session.close()

    def renew_until(self, stop: threading.Event) -> None:
        """Keep the session until `stop` is set; interrupt the main thread if another driver has the lock."""
        while not stop.wait(RENEW_S):
            try:
                if self._session is None:
                    self.acquire()
                else:
                    self._session.execute(text("SELECT 1"))
            except sqlalchemy.exc.SQLAlchemyError:
                self._drop()  # the study's own requests say that the database is unavailable
            except UserError as error:
                print(one_line(f"stopped: {error}"), file=sys.stderr)
                interrupt_main()
                return

    def release(self) -> None:
        """End the session, and the lock with it."""
        self._drop()
        self._engine.dispose()

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.invalidate()
            session.close()


def _described(holder: sqlalchemy.Row[Any] | None) -> str:
    """The process of a session, in parentheses after a space; empty if it has ended meanwhile."""
    if holder is None:
        return ""
    name, _, _ = holder.application_name.rpartition(" ")
    # The start of another role's session is NULL.
    since = "" if holder.backend_start is None else f", since {holder.backend_start:%Y-%m-%d %H:%M:%S %Z}"
    return f" ({name}{since})"
