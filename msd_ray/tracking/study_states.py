"""Which studies have ended, and which trainings registered students come from, by MLflow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msd_ray.tracking.client import mlflow_errors
from msd_ray.tracking.connection import connect
from msd_ray.tracking.registry import versions_of
from msd_ray.tracking.rows import search_runs
from msd_ray.tracking.uri import sqlite_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

OURS = "name LIKE 'msd-%'"


@dataclass(frozen=True, kw_only=True)
class StudyStates:
    """finished: by study, whether all of it has ended. weights: by the place of a weights file in the storage, what was
    made from it: a version with an alias, or a study's winner.
    """

    finished: dict[str, bool] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)


def study_states(tracking_uri: str) -> StudyStates:
    """Read them; nothing where the SQLite file is not there, which is not made. Raises UserError."""
    database = sqlite_path(tracking_uri)
    if database is not None and not database.exists():
        return StudyStates()
    client = connect(tracking_uri)
    with mlflow_errors(tracking_uri):
        experiments = [one.experiment_id for one in _all(client.search_experiments, OURS)]
        finished: dict[str, bool] = {}
        winners: dict[str, str] = {}
        for run in search_runs(client, experiments, "tags.kind = 'study'"):
            name = run.data.tags["study"]
            finished[name] = run.info.status == "FINISHED" and finished.get(name, True)
            if "registered" in run.data.tags:
                winners[run.data.tags["registered"]] = f"the winner of {name}"
        return StudyStates(finished=finished, weights=_weights(client, winners))


def _weights(client: "MlflowClient", winners: Mapping[str, str]) -> dict[str, str]:
    """Of the versions that have an alias, or are a study's winner (by URI)."""
    from mlflow.exceptions import MlflowException

    found: dict[str, str] = {}
    for model in _all(client.search_registered_models, OURS):
        aliases = {str(number): f"models:/{model.name}@{alias}" for alias, number in model.aliases.items()}
        for version in versions_of(client, model.name):
            made = aliases.get(str(version.version)) or winners.get(f"models:/{model.name}/{version.version}")
            if made is None:
                continue
            try:
                tags = client.get_run(str(version.run_id)).data.tags
            except MlflowException:  # its run was deleted; the version has its own copy of the student
                continue
            if "weights" in tags:
                found[tags["weights"]] = made
    return found


def _all(search: Any, condition: str) -> Iterator[Any]:
    token = None
    while True:
        page = search(filter_string=condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
