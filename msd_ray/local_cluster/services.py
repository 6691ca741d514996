"""One server of the stack: started in the background with its output in a log file, and waited for."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from msd_ray.common.errors import UserError

from .layout import HOST
from .processes import Process, process

START_LIMIT_S = 600.0
"""Generous: on a busy machine importing Ray or MLflow alone takes a minute."""
_ANSWER_LIMIT_S = 10.0
_POLL_S = 0.2
_LAST_LINES = 15


def launch(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str], cwd: Path, user: str | None = None
) -> Process:
    """Start a server in a session of its own, so that no signal to the terminal reaches it.

    Raises UserError if there is no such program.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # Root alone may become somebody else, and then also leaves root's groups.
    identity = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    try:
        with log.open("wb") as output:
            child = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=cwd,
                start_new_session=True,
                **identity,
            )
    except OSError as error:
        raise UserError(f"{command[0]} cannot be started: {error}") from error
    started = process(child.pid)
    if started is None:
        raise UserError(ended(log.stem, log))
    return started


def wait_until_ready(service: Process, name: str, log: Path, ready: Callable[[], bool]) -> None:
    """Raises UserError, with the last lines of its log, for a server that ends or does not answer in time."""
    until = time.monotonic() + START_LIMIT_S
    while not ready():
        if not service.alive:
            raise UserError(ended(name, log))
        if time.monotonic() > until:
            raise UserError(f"{name} does not answer after {START_LIMIT_S:g} seconds; {log} says why")
        time.sleep(_POLL_S)


def ended(name: str, log: Path) -> str:
    """What to say of a server that ended while it was started."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    return "\n  ".join([f"{name} ended while it started; {log} ends with", *lines])


def answer(port: int, path: str, headers: Mapping[str, str], method: str = "GET") -> tuple[int, bytes]:
    """Status and body of a server on this machine; status 0 where none answers."""
    connection = HTTPConnection(HOST, port, timeout=_ANSWER_LIMIT_S)
    try:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


def own_environment() -> dict[str, str]:
    """This process's environment without what would lead a server elsewhere or change what it is."""
    foreign = ("RAY_", "MLFLOW_", "PG", "MSD_RAY_STORAGE", "MSD_RAY_STUDY_STORAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
