"""The MLflow client without its chatter, and its errors as user errors.

mlflow takes seconds to import, so it is imported by the first call, not by the first `import msd_ray.tracking`.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .outages import failure
from .uri import is_server, shown_uri

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

QUIET_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}
# Here and not in a function: MLflow reads some of them while it is imported. A user who sets one has a reason.
for _name, _value in QUIET_ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

_impatient = False


def new_client(tracking_uri: str) -> "MlflowClient":
    """A client that has asked nothing yet."""
    from mlflow.telemetry import set_telemetry_client
    from mlflow.tracking import MlflowClient

    set_telemetry_client()  # type: ignore[no-untyped-call]  # somebody else may have imported mlflow before the environment was set
    for logger in ("alembic", "mlflow"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it raises whatever it logs as an error
    return MlflowClient(tracking_uri=tracking_uri)


def create_tables(tracking_uri: str) -> None:
    """Create MLflow's tables in an empty database."""
    with mlflow_errors(tracking_uri):
        new_client(tracking_uri).search_experiments(max_results=1)


@contextmanager
def mlflow_errors(tracking_uri: str) -> Iterator[None]:
    """Turn what MLflow raises inside into a `UserError` that names the store; `MlflowAwayError` if it is away."""
    import sqlalchemy
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:500]
        raise failure(
            error,
            f"MLflow at {shown_uri(tracking_uri)} does not work: {reason}",
            "; check --mlflow-uri, then start the same command again: it goes on where it stopped",
            server=is_server(tracking_uri),
        ) from error


@contextmanager
def impatient(timeout_s: int) -> Iterator[None]:
    """Let a server answer at once or not at all; afterwards MLflow's own patience applies (minutes).

    Inside another one nothing changes: the environment is the process's, and one thread alone is to write it.
    """
    global _impatient
    if _impatient:
        yield
        return
    hasty = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout_s)}
    before = {name: os.environ.get(name) for name in hasty}
    _impatient = True
    os.environ.update(hasty)
    try:
        yield
    finally:
        _impatient = False
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
