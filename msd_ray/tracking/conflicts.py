"""Whether a study may be recorded: seen beforehand, with nothing made or changed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msd_ray.common.errors import UserError

from .client import mlflow_errors
from .connection import connect, experiment_id
from .parameters import Json, flat_parameters, new_parameters
from .rows import search_runs

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


def check_recorded(
    tracking_uri: str, *, dataset: str, lang: str, study: str, parameters: Mapping[str, Json], command: str
) -> None:
    """See that `StudyTracker.open` with the same arguments will find no other study of that name.

    With several languages this is asked of all before anything is made for one of them.

    Raises:
        UserError: the store cannot be used, the experiment was deleted, or the study is recorded there with another
            value of a parameter, or as one of another command.
    """
    client = connect(tracking_uri)
    name = f"msd-{dataset}-{lang}"
    with mlflow_errors(tracking_uri):
        if client.get_experiment_by_name(name) is None:
            return
    experiment = experiment_id(client, tracking_uri, name, None)  # refuses a deleted one
    with mlflow_errors(tracking_uri):
        found = recorded_parent(client, experiment, study, command)
    if found is not None:
        new_parameters(found.data.params, flat_parameters(parameters), run=f"study {study}")


def recorded_parent(client: "MlflowClient", experiment: str, study: str, command: str) -> "Run | None":
    """The parent run of a study, None where it is not recorded. Raises UserError if it is one of another command."""
    # Compared here, not in the filter string, whose quoting and case rules differ between databases.
    studies = search_runs(client, [experiment], "tags.kind = 'study'")
    found = next((run for run in studies if run.data.tags.get("study") == study), None)
    recorded = command if found is None else found.data.tags.get("command", command)
    if recorded != command:
        raise UserError(
            f"study {study} is already recorded in MLflow, by `{recorded}`; give this one of `{command}` "
            "another --name."
        )
    return found
