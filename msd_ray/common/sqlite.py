"""SQLite files: their URLs, whether an error is of a locked one, and which processes have it open."""

import os
import shlex
import sqlite3
from pathlib import Path
from urllib.parse import unquote

from .errors import UserError, causes
from .text import one_line

SQLITE = "sqlite:///"
ADVICE = "end what holds it or wait for it, then run the same command again"


def sqlite_url(file: Path) -> str:
    """The URL of a file. `%` and `?` are escaped: SQLAlchemy would open a directory named `50%41` as `50A`."""
    return SQLITE + str(file).replace("%", "%25").replace("?", "%3F")


def sqlite_file(url: str) -> Path | None:
    """The absolute path of the file that a `sqlite:///` URL names; None if it names none, or a database in memory."""
    name = unquote(url.removeprefix(SQLITE).partition("?")[0])
    return None if not url.startswith(SQLITE) or name in ("", ":memory:") else Path(name).absolute()


def check_sqlite_url(url: str) -> None:
    """Raise UserError for a `%` that was not escaped: the URL names a file in a directory that does not exist."""
    file, written = sqlite_file(url), Path(url.removeprefix(SQLITE).partition("?")[0]).absolute()
    if file is not None and not file.parent.is_dir() and written.parent.is_dir():
        raise UserError(f"{url}: names the file {file}, and {file.parent} does not exist; write {sqlite_url(written)}")


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
