"""The MLflow client without its chatter, and its errors as user errors.

mlflow takes seconds to import, so it is imported by the first call, not by the first `import msd_ray.tracking`.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msd_ray.errors import UserError
from msd_ray.tracking.database import CONNECT_TIMEOUT_S, is_server, prepare_database, shown_uri, sqlite_path
from msd_ray.tracking.outages import failure

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
# Without it the UI takes an experiment without traces for one of agents, and hides the runs' charts behind a choice.
EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}

_impatient = False


def _client(tracking_uri: str) -> "MlflowClient":
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
        _client(tracking_uri).search_experiments(max_results=1)


def connect(tracking_uri: str) -> "MlflowClient":
    """A client whose store answered just now.

    Raises:
        UserError: the store is unreachable (`MlflowAwayError`), unwritable, no MLflow, or of an incompatible version.
    """
    prepare_database(tracking_uri)
    with mlflow_errors(tracking_uri), impatient(2 * CONNECT_TIMEOUT_S):
        client = _client(tracking_uri)
        client.search_experiments(max_results=1)
        return client


def experiment_id(client: "MlflowClient", tracking_uri: str, name: str, artifact_root: Path | None) -> str:
    """The experiment's id; it is created when it is missing.

    Artifacts go to `<artifact_root>/<name>`: by default to `mlartifacts` beside a SQLite file or in the current
    directory for another database. A server keeps them where it was told to, `artifact_root` is not used then.
    """
    from mlflow.exceptions import MlflowException

    with mlflow_errors(tracking_uri):
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return client.create_experiment(name, _artifact_location(tracking_uri, name, artifact_root), EXPERIMENT)
            except MlflowException:
                found = client.get_experiment_by_name(name)  # another driver was a moment faster
                if found is None:
                    raise
    if found.lifecycle_stage == "deleted":
        raise UserError(
            f"the MLflow experiment {name} at {shown_uri(tracking_uri)} was deleted; bring it back with "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}` or use another --mlflow-uri"
        )
    return str(found.experiment_id)


def _artifact_location(tracking_uri: str, name: str, artifact_root: Path | None) -> str | None:
    if is_server(tracking_uri):
        return None
    if artifact_root is None:
        database = sqlite_path(tracking_uri)
        artifact_root = (database.parent if database else Path.cwd()) / "mlartifacts"
    return (artifact_root.absolute() / name).as_uri()


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
