"""A connection to MLflow that is known to work, and a study's experiment there."""

from pathlib import Path
from typing import TYPE_CHECKING

from msd_ray.common.errors import UserError

from .client import impatient, mlflow_errors, new_client
from .database import CONNECT_TIMEOUT_S, prepare_database
from .uri import is_server, shown_uri, sqlite_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

# Without it the UI takes an experiment without traces for one of agents, and hides the runs' charts behind a choice.
EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}


def connect(tracking_uri: str) -> "MlflowClient":
    """A client whose store answered just now.

    Raises:
        UserError: the store is unreachable (`MlflowAwayError`), unwritable, no MLflow, or of an incompatible version.
    """
    prepare_database(tracking_uri)
    with mlflow_errors(tracking_uri), impatient(2 * CONNECT_TIMEOUT_S):
        client = new_client(tracking_uri)
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
