"""Locked SQLite files: whether an error is of one, and which processes have it open."""

import os
import shlex
import sqlite3
from pathlib import Path

from .errors import causes
from .text import one_line

ADVICE = "end what holds it or wait for it, then run the same command again"


def is_locked(error: BaseException) -> bool:
    """Whether the error, or a cause of it, is that another process holds a SQLite file."""
    codes = (getattr(getattr(one, "orig", one), "sqlite_errorcode", None) for one in causes(error))
    return any(code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) for code in codes)


def locked_by(file: Path) -> str:
    """`database is locked: FILE is open in process 4242 (sqlite3 FILE)`, of the processes that may be inspected."""
    import psutil

    real, found = os.path.realpath(file), []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if any(opened.path == real for opened in process.open_files()):
                found.append(f"process {process.pid} ({one_line(shlex.join(process.cmdline()))[:100]})")
        except (psutil.Error, OSError):
            continue  # it has ended, or belongs to another user
    where = f"open in {', '.join(found)}" if found else "not open in any process that may be inspected on this machine"
    return f"database is locked: {file} is {where}"
