"""Starts a server in the background with its output in a log file, and waits until it is ready."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from msd_ray.common.errors import UserError

from .layout import HOST
from .processes import Process, process

START_TIMEOUT_S = 600.0
"""Long, because importing Ray or MLflow takes a minute on a busy machine."""
_REQUEST_TIMEOUT_S = 10.0
_POLL_S = 0.2
_LAST_LINES = 15


def launch(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str], cwd: Path, user: str | None = None
) -> Process:
    """Start a server in its own session, so that signals from the terminal do not reach it.

    Args:
        log: file for standard output and error.
        user: user to run as; only root may set it.

    Raises:
        UserError: the program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # Also drop root's supplementary groups.
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
        raise UserError(exit_message(log.stem, log))
    return started


def wait_until_ready(service: Process, name: str, log: Path, ready: Callable[[], bool]) -> None:
    """Wait for a server. Raises UserError with the end of its log if it exits, or if it is not ready in time."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if not service.alive:
            raise UserError(exit_message(name, log))
        if time.monotonic() > deadline:
            raise UserError(f"{name} is not ready after {START_TIMEOUT_S:g} seconds. See {log}.")
        time.sleep(_POLL_S)


def exit_message(name: str, log: Path) -> str:
    """Message for a server that exited during its start, with the last lines of its log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    return "\n  ".join([f"{name} exited during its start. Last lines of {log}:", *lines])


def request(port: int, path: str, headers: Mapping[str, str], method: str = "GET") -> tuple[int, bytes]:
    """Send a request to a server on this machine. Returns status and body; status 0 without a response."""
    connection = HTTPConnection(HOST, port, timeout=_REQUEST_TIMEOUT_S)
    try:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


def base_environment() -> dict[str, str]:
    """This process's environment without variables that would configure the servers."""
    foreign = ("RAY_", "MLFLOW_", "PG", "MSD_RAY_STORAGE", "MSD_RAY_STUDY_STORAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
