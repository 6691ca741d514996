"""Creates MLflow clients without console output, and converts MLflow's errors to user errors.

mlflow takes seconds to import, so functions import it when they are called.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msd_ray.common.sqlite import ADVICE, is_locked, locked_by

from .outages import failure
from .uri import is_server, shown_uri, sqlite_path

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
# At import time: MLflow reads some of these while it is imported. Values set by the user take precedence.
for _name, _value in QUIET_ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

_failing_fast = False


def new_client(tracking_uri: str) -> "MlflowClient":
    """Create a client; sends no request."""
    from mlflow.telemetry import set_telemetry_client
    from mlflow.tracking import MlflowClient
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()  # by run id alone: a storage and its copy have the same ones
    set_telemetry_client()  # type: ignore[no-untyped-call]  # mlflow may have been imported before the environment was set
    for logger in ("alembic", "mlflow"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # every error that it logs is raised as well
    return MlflowClient(tracking_uri=tracking_uri)


def create_tables(tracking_uri: str) -> None:
    """Create MLflow's tables in an empty database."""
    with mlflow_errors(tracking_uri):
        new_client(tracking_uri).search_experiments(max_results=1)


@contextmanager
def mlflow_errors(tracking_uri: str) -> Iterator[None]:
    """Convert MLflow's exceptions to a `UserError` with the tracking URI, or to `MlflowUnavailableError`."""
    import sqlalchemy
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:500]
        advice = "check --mlflow-uri, then run the same command again: it resumes where it stopped"
        file = sqlite_path(tracking_uri)
        if file is not None and is_locked(error):
            reason, advice = locked_by(file), ADVICE
        raise failure(
            error,
            f"MLflow at {shown_uri(tracking_uri)} does not work: {reason}",
            f"; {advice}",
            server=is_server(tracking_uri),
        ) from error


@contextmanager
def fail_fast(timeout_s: int) -> Iterator[None]:
    """Disable MLflow's retries and set its request timeout within the context. Its defaults retry for minutes.

    A nested context has no effect: the settings are environment variables, which only one thread may write.
    """
    global _failing_fast
    if _failing_fast:
        yield
        return
    settings = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout_s)}
    before = {name: os.environ.get(name) for name in settings}
    _failing_fast = True
    os.environ.update(settings)
    try:
        yield
    finally:
        _failing_fast = False
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def pages(search: Callable[..., Any], *arguments: Any, **named: Any) -> Iterator[Any]:
    """All results of a method of MlflowClient that returns them in pages."""
    token = None
    while True:
        page = search(*arguments, **named, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
