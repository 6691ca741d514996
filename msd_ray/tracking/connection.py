"""Connects to MLflow with a check of the store, and finds or creates experiments."""

from pathlib import Path
from typing import TYPE_CHECKING

from msd_ray.common.errors import UserError
from msd_ray.common.shell import command, setting

from .client import fail_fast, mlflow_errors, new_client
from .database import CONNECT_TIMEOUT_S, prepare_database
from .uri import is_server, shown_uri, sqlite_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

# Without it, the UI treats an experiment without traces as one of agents and hides the charts.
EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}


def connect(tracking_uri: str) -> "MlflowClient":
    """Create a client and check that its store responds.

    Raises:
        UserError: the store is unreachable (`MlflowUnavailableError`), unwritable, not an MLflow store, or of an
            incompatible version.
    """
    prepare_database(tracking_uri)
    with mlflow_errors(tracking_uri), fail_fast(2 * CONNECT_TIMEOUT_S):
        client = new_client(tracking_uri)
        client.search_experiments(max_results=1)
        return client


def experiment_id(client: "MlflowClient", tracking_uri: str, name: str, artifact_root: Path | None) -> str:
    """The experiment's id; the experiment is created if it does not exist.

    Artifacts are stored in `<artifact_root>/<name>`. Default root: `mlartifacts` next to a SQLite file, in the current
    directory for other databases. A server has its own artifact root; `artifact_root` is ignored.
    """
    from mlflow.exceptions import MlflowException

    with mlflow_errors(tracking_uri):
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return client.create_experiment(name, _artifact_location(tracking_uri, name, artifact_root), EXPERIMENT)
            except MlflowException:
                found = client.get_experiment_by_name(name)  # another process created it in the meantime
                if found is None:
                    raise
    if found.lifecycle_stage == "deleted":
        restore = command("mlflow", "experiments", "restore", "--experiment-id", str(found.experiment_id))
        raise UserError(
            f"the MLflow experiment {name} at {shown_uri(tracking_uri)} was deleted; restore it with "
            f"`{setting('MLFLOW_TRACKING_URI', shown_uri(tracking_uri))} {restore}` or use another --mlflow-uri"
        )
    return str(found.experiment_id)


def _artifact_location(tracking_uri: str, name: str, artifact_root: Path | None) -> str | None:
    if is_server(tracking_uri):
        return None
    if artifact_root is None:
        database = sqlite_path(tracking_uri)
        artifact_root = (database.parent if database else Path.cwd()) / "mlartifacts"
    return (artifact_root.absolute() / name).as_uri()
