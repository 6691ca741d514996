"""Retries while PostgreSQL is unavailable, for example during a restart, or another process holds a SQLite file.

A reply may be lost after the database has executed a statement, so every retried operation must be idempotent.
"""

import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy.exc

from msd_ray.common.errors import UserError, causes, warn

TIMEOUT_S = 300.0
"""How long the driver waits for the database. Meanwhile trials train until their next report."""
INITIAL_DELAY_S, MAXIMUM_DELAY_S = 0.2, 5.0


class StorageUnavailableError(UserError):
    """The database is unavailable; a retry may succeed."""


class Refreshable(Protocol):
    """A study in a database that may be unavailable."""

    def refresh(self) -> None:
        """Read the results of the last operations again. Called before each retry."""


P = ParamSpec("P")
R = TypeVar("R")
Study = TypeVar("Study", bound=Refreshable)


def retry_until_available(method: Callable[Concatenate[Study, P], R]) -> Callable[Concatenate[Study, P], R]:
    """Decorate a method of a study: retry with exponential backoff while the database is unavailable.

    Raises:
        StorageUnavailableError: the database is still unavailable after `TIMEOUT_S` seconds.
    """

    @wraps(method)
    def with_retries(study: Study, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(study, *args, **kwargs)
        except StorageUnavailableError as error:
            problem = str(error).rpartition("; ")[0]
            warn(f"{problem}. Waiting for it, at most {TIMEOUT_S:.0f} s; training continues.")
            since = time.monotonic()
        for delay in _delays(since + TIMEOUT_S):
            time.sleep(delay)
            try:
                study.refresh()
                result = method(study, *args, **kwargs)
            except StorageUnavailableError as error:
                last = error
            else:
                warn(f"the study storage is available again after {time.monotonic() - since:.0f} s")
                return result
        raise last

    return with_retries


def is_outage(error: BaseException) -> bool:
    """Whether the error, or a cause of it, means that the server is stopped, starting or unreachable."""
    return any(
        isinstance(cause, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)
        or (isinstance(cause, sqlalchemy.exc.DBAPIError) and cause.connection_invalidated)
        for cause in causes(error)
    )


def _delays(deadline: float) -> Iterator[float]:
    """Delays in seconds before each retry; at least one."""
    delay = INITIAL_DELAY_S
    while True:
        yield delay
        if time.monotonic() >= deadline:
            return
        delay = min(2 * delay, MAXIMUM_DELAY_S)
