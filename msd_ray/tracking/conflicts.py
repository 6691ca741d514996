"""Checks whether a study conflicts with one recorded in MLflow, without creating or changing anything."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msd_ray.common.errors import UserError

from .client import mlflow_errors
from .connection import connect
from .experiments import study_experiment
from .parameters import Json, flat_parameters, new_parameters
from .rows import search_runs
from .uri import sqlite_path

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


def check_no_conflict(
    tracking_uri: str, *, dataset: str, lang: str, study: str, parameters: Mapping[str, Json], command: str
) -> None:
    """Check that `StudyTracker.open` with the same arguments will not find a different study of that name.

    A command checks all its languages before it creates a study for the first.

    Raises:
        UserError: the store or its model registry is unusable, the experiment was deleted, or the study is recorded
            with a different value of a parameter or by a different command.
    """
    database = sqlite_path(tracking_uri)
    if database is not None and not database.exists():
        return  # connecting would create it
    client = connect(tracking_uri)
    _check_registry(client, tracking_uri)
    experiment = study_experiment(client, tracking_uri, dataset=dataset, lang=lang, study=study)
    if experiment is None:
        return
    with mlflow_errors(tracking_uri):
        found = find_parent_run(client, experiment, study, command)
    if found is not None:
        new_parameters(found.data.params, flat_parameters(parameters), run=f"study {study}")


def _check_registry(client: "MlflowClient", tracking_uri: str) -> None:
    """Raise UserError if the model registry cannot be used, in which a search registers its best student at its end."""
    try:
        with mlflow_errors(tracking_uri):
            client.search_registered_models(max_results=1)
    except UserError as error:
        raise UserError(f"the model registry, for the best student: {error}") from error


def find_parent_run(
    client: "MlflowClient", experiment: str, study: str, command: str, *, deleted: bool = False
) -> "Run | None":
    """The parent run of a study; None if it is not recorded. Raises UserError if another command recorded it.

    deleted: whether to search among deleted runs; the newest of them is taken.
    """
    # The name is compared here: quoting and case rules of filter strings differ between databases.
    studies = search_runs(client, [experiment], "tags.kind = 'study'", deleted=deleted)
    if deleted:
        studies.reverse()
    found = next((run for run in studies if run.data.tags.get("study") == study), None)
    recorded = command if found is None else found.data.tags.get("command", command)
    if recorded != command:
        raise UserError(
            f"study {study} is already recorded in MLflow, by `{recorded}`. Choose another --name for this `{command}` "
            "study."
        )
    return found
