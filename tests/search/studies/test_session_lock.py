"""Drivers of one study in PostgreSQL whose storages differ: one at a time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy
from postgres_server import PostgresServer

from msd_ray.common.errors import UserError
from msd_ray.search.studies import session_lock
from msd_ray.search.studies.database import with_driver
from msd_ray.search.studies.session_lock import study_session_lock
from msd_ray.storage.lease import renewed

HOLD = """
import signal, sys
from msd_ray.search.studies.session_lock import study_session_lock
with study_session_lock(sys.argv[1], sys.argv[2]):
    print("held", flush=True)
    signal.pause()
"""


def hold(url: str, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, url, name], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_driver_is_told_who_holds_the_study_and_follows_when_that_is_dead(
    postgres_server: PostgresServer, name: str
) -> None:
    url = postgres_server.url("studies")
    process = hold(url, name)
    try:
        who = rf"\(process {process.pid} on .*, since 2\d{{3}}-\d\d-\d\d \d\d:\d\d:\d\d .*\); .* --name"
        with (
            pytest.raises(UserError, match=f"running the study {name} in .*{who}") as refused,
            study_session_lock(url, name),
        ):
            pass
        password = sqlalchemy.make_url(url).password
        assert password
        assert password not in str(refused.value)
        with study_session_lock(url, f"{name}-2"):
            pass
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    until = time.monotonic() + 60
    while True:  # the server sees within moments that the connection is closed
        try:
            with study_session_lock(url, name):
                return
        except UserError:
            assert time.monotonic() < until
            time.sleep(0.1)


def end_sessions(url: str) -> int:
    """End all locking sessions of this process, as a restart of the server does; their number."""
    engine = sqlalchemy.create_engine(with_driver(url), isolation_level="AUTOCOMMIT")
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE :name"
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text(ending), {"name": f"process {os.getpid()} %"}).all()
    engine.dispose()
    return len(rows)


def test_a_broken_session_is_opened_again(
    postgres_server: PostgresServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_lock, "RENEW_S", 0.2)
    url = postgres_server.url("studies")
    with study_session_lock(url, name):
        assert end_sessions(url) == 1
        until = time.monotonic() + 60
        while not is_held(url, name):
            assert time.monotonic() < until
            time.sleep(0.1)


def test_a_session_that_the_server_still_keeps_is_our_own(
    postgres_server: PostgresServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a network failure: the driver has lost its session, the server has not noticed."""
    monkeypatch.setattr(session_lock, "RENEW_S", 0.2)
    lock = session_lock._SessionLock(postgres_server.url("studies"), name)
    lock.acquire()
    lost, lock._session = lock._session, None

    def is_open_again() -> bool:
        return lock._session is not None

    with renewed(lock):
        until = time.monotonic() + 60
        while not is_open_again():
            assert time.monotonic() < until
            time.sleep(0.1)
    assert lost is not None
    lost.invalidate()
    lost.close()


def is_held(url: str, name: str) -> bool:
    """Whether a driver has the lock; to try it would take it."""
    engine = sqlalchemy.create_engine(with_driver(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        key = session_lock._SessionLock(url, name)._key
        found = connection.execute(session_lock._HOLDER, {"key": key}).all()
    engine.dispose()
    return bool(found)


def test_a_driver_whose_lock_was_taken_over_stops(
    postgres_server: PostgresServer, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session_lock, "RENEW_S", 0.2)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    url = postgres_server.url("studies")
    lock, other = (session_lock._SessionLock(url, name) for _ in range(2))
    lock.acquire()
    end_sessions(url)
    until = time.monotonic() + 60
    while True:
        try:
            other.acquire()
            break
        except UserError:  # the server has not ended the session yet
            assert time.monotonic() < until

    def search() -> None:
        with renewed(lock):
            while True:
                time.sleep(0.1)

    try:
        with pytest.raises(KeyboardInterrupt):
            search()
    finally:
        signal.signal(signal.SIGINT, before)
        other.release()
    assert f"stopped: another process is running the study {name}" in capsys.readouterr().err


def test_one_driver_at_a_time_beside_a_sqlite_file(tmp_path: Path) -> None:
    """Drivers with different storages may share the file."""
    url = f"sqlite:///{tmp_path}/shared.db"
    with study_session_lock(url, "study"):
        with study_session_lock(url, "other"):
            pass
        with pytest.raises(UserError, match="another process is running the study study"):
            study_session_lock(url, "study").__enter__()
    with study_session_lock(url, "study"), study_session_lock("sqlite://", "study"):
        pass
