"""A PostgreSQL that is away for a while, as when it is restarted: the study is asked again until it answers.

An answer may get lost after the database has done what it was asked, so whatever is asked again must do no harm twice.
"""

import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy.exc

from msd_ray.common.errors import UserError, causes, warn

PATIENCE_S = 300.0
"""How long the driver waits for the database. Trials train on meanwhile, up to their next report."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class StorageAwayError(UserError):
    """The database does not answer now, and waiting may help."""


class Restartable(Protocol):
    """A study in a database that may be away."""

    def look_again(self) -> None:
        """After an outage: find out what became of the last things that were asked."""


Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
Study = TypeVar("Study", bound=Restartable)


def patiently(
    method: Callable[Concatenate[Study, Asked], Answer],
) -> Callable[Concatenate[Study, Asked], Answer]:
    """A study's method that waits for a database which is away, `PATIENCE_S` long, and then raises what it says."""

    @wraps(method)
    def asked_again(study: Study, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        try:
            return method(study, *args, **kwargs)
        except StorageAwayError as error:
            warn(f"{_what(error)}; waiting for it, {PATIENCE_S:.0f} s at most. Training goes on")
            away_since = time.monotonic()
        for pause in _pauses(away_since + PATIENCE_S):
            time.sleep(pause)
            try:
                study.look_again()
                answer = method(study, *args, **kwargs)
            except StorageAwayError as error:
                last = error
            else:
                warn(f"the study storage answers again, after {time.monotonic() - away_since:.0f} s")
                return answer
        raise last

    return asked_again


def is_outage(error: BaseException) -> bool:
    """Whether an error, or what it came from, is a server's that is gone, starting or unreachable."""
    return any(
        isinstance(cause, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)
        or (isinstance(cause, sqlalchemy.exc.DBAPIError) and cause.connection_invalidated)
        for cause in causes(error)
    )


def _pauses(until: float) -> Iterator[float]:
    """Seconds to wait before each further attempt; at least one attempt is made."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause
        if time.monotonic() >= until:
            return
        pause = min(2 * pause, LONGEST_PAUSE_S)


def _what(error: UserError) -> str:
    return str(error).partition("; ")[0]
