"""Whether an MLflow that raised an error is away, so that it is asked again later, or has an objection for good.

Away: nobody answers, in time or at all; a server says 5xx, 408 or 429; a database is locked, restarted or full. An
objection: any other 4xx, a value that MLflow refuses, a table that is not there.
"""

import errno
import sqlite3

from msd_ray.common.errors import UserError, causes

NOT_NOW = {
    "ABORTED",
    "CANCELLED",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "TEMPORARILY_UNAVAILABLE",
}
"""MLflow's error codes of that kind."""
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE}


class MlflowAwayError(UserError):
    """MLflow does not answer now. Whoever cannot wait may end with it as with any mistake of the user's.

    what: the message without its advice to start again, for whoever waits.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}{advice}")
        self.what = what


def failure(error: BaseException, what: str, advice: str, *, server: bool = False) -> UserError:
    """The error to raise for one of MLflow's or of its database: `MlflowAwayError`, or a plain `UserError`."""
    return MlflowAwayError(what, advice) if is_outage(error, server=server) else UserError(f"{what}{advice}")


def is_outage(error: BaseException, *, server: bool) -> bool:
    """Whether waiting may help. server: whether a server was asked, not a database."""
    code = str(getattr(error, "error_code", ""))
    # Of a server it is an answer 500, or none; in this process it is a defect, which stays.
    return any(_is_away(one) for one in causes(error)) or code in NOT_NOW or (server and code == "INTERNAL_ERROR")


def _is_away(error: BaseException) -> bool:
    import requests
    import sqlalchemy.exc as sql

    if isinstance(error, requests.HTTPError):  # of an artifact's upload
        status = 0 if error.response is None else error.response.status_code
        return status >= 500 or status in (408, 429)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return False
    if isinstance(error, requests.RequestException):  # refused, timed out, cut off; "too many 500 error responses"
        return True
    if isinstance(error, sql.OperationalError | sqlite3.OperationalError):
        # SQLite has this class for a file that is locked and for a table that is not there, whose code says nothing.
        code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
        return code is None or code & 0xFF != sqlite3.SQLITE_ERROR
    if isinstance(error, sql.DBAPIError):
        return error.connection_invalidated
    if isinstance(error, sql.TimeoutError | TimeoutError | ConnectionError):
        return True
    return isinstance(error, OSError) and error.errno in NO_ROOM
