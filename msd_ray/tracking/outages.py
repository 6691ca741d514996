"""Classifies MLflow's errors: MLflow is unavailable, so that a retry may succeed, or it rejected the request.

Unavailable: no response or a timeout; HTTP status 5xx, 408 or 429; a locked, restarting or full database. Rejected: any
other 4xx status, an invalid value, a missing table.
"""

import errno
import sqlite3

from msd_ray.common.errors import UserError, causes

RETRIABLE_CODES = {
    "ABORTED",
    "CANCELLED",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "TEMPORARILY_UNAVAILABLE",
}
"""MLflow's error codes that a retry may resolve."""
RETRIABLE_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE}


class MlflowUnavailableError(UserError):
    """MLflow is unavailable. Callers that do not retry let it end the command like any UserError.

    reason: the message without the advice, for callers that retry.
    """

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}{advice}")
        self.reason = reason


def failure(error: BaseException, reason: str, advice: str, *, server: bool = False) -> UserError:
    """The exception to raise for an error of MLflow or its database: `MlflowUnavailableError` or `UserError`."""
    return MlflowUnavailableError(reason, advice) if is_outage(error, server=server) else UserError(f"{reason}{advice}")


def is_outage(error: BaseException, *, server: bool) -> bool:
    """Whether a retry may succeed. server: whether the store is an MLflow server, not a database."""
    code = str(getattr(error, "error_code", ""))
    # From a server, INTERNAL_ERROR means status 500 or no response; in this process it is a permanent defect.
    return (
        any(_is_unavailable(one) for one in causes(error))
        or code in RETRIABLE_CODES
        or (server and code == "INTERNAL_ERROR")
    )


def _is_unavailable(error: BaseException) -> bool:
    import requests
    import sqlalchemy.exc as sql

    if isinstance(error, requests.HTTPError):  # from an artifact upload
        status = 0 if error.response is None else error.response.status_code
        return status >= 500 or status in (408, 429)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return False
    if isinstance(error, requests.RequestException):  # refused, timed out, closed; "too many 500 error responses"
        return True
    if isinstance(error, sql.OperationalError | sqlite3.OperationalError):
        # SQLite raises this class for a locked file and for a missing table; the latter has the generic SQLITE_ERROR.
        code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
        return code is None or code & 0xFF != sqlite3.SQLITE_ERROR
    if isinstance(error, sql.DBAPIError):
        return error.connection_invalidated
    if isinstance(error, sql.TimeoutError | TimeoutError | ConnectionError):
        return True
    return isinstance(error, OSError) and error.errno in RETRIABLE_ERRNOS
