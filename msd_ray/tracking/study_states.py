"""Reads from MLflow which studies have ended, and which trainings are still in use by winners and registered models."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msd_ray.search.configuration import BEST, PAPER

from .client import mlflow_errors, pages
from .connection import connect
from .experiments import PREFIX, study_experiments
from .registry import versions_of
from .rows import PARENT, best_run, dev_metric_of, row_of, search_runs
from .study import STATUS
from .uri import sqlite_path

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import RegisteredModel
    from mlflow.tracking import MlflowClient

ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
ENDED = (STATUS["COMPLETE"], STATUS["FAIL"])
"""MLflow status of the parent run of a study that has ended, with or without a student."""


@dataclass(frozen=True, kw_only=True)
class StudyStates:
    """States of the studies in one MLflow store.

    Attributes:
        finished: by study, whether it has ended.
        pruned: by unfinished study, the keys of its pruned trials.
        weights: by path of a weights file in the storage, what depends on it: a version with an alias, the winner of a
            study, or a complete trial of an unfinished study.
        database_exists: False if the SQLite file does not exist.
    """

    finished: dict[str, bool] = field(default_factory=dict)
    pruned: dict[str, frozenset[str]] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    database_exists: bool = True


def study_states(tracking_uri: str) -> StudyStates:
    """Read the states. A missing SQLite file is not created. Raises UserError if MLflow fails."""
    database = sqlite_path(tracking_uri)
    if database is not None and not database.exists():
        return StudyStates(database_exists=False)
    client = connect(tracking_uri)
    with mlflow_errors(tracking_uri):
        experiments = study_experiments(client)
        parents = [run for run in search_runs(client, experiments, "tags.kind = 'study'") if "study" in run.data.tags]
        finished: dict[str, bool] = {}
        for run in parents:
            name = run.data.tags["study"]
            finished[name] = run.info.status in ENDED and finished.get(name, True)
        finals = search_runs(client, experiments, "tags.phase = 'final'")
        complete, pruned = _unfinished_trials(client, experiments, parents)
        weights = {**complete, **_winners(parents, finals), **_with_an_alias(client)}
        return StudyStates(finished=finished, pruned=pruned, weights=weights)


def _unfinished_trials(
    client: "MlflowClient", experiments: Sequence[str], parents: Sequence["Run"]
) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """Trials of unfinished studies: complete ones by weights, keys of pruned ones by study."""
    complete: dict[str, str] = {}
    pruned: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for parent in parents:
        if parent.info.status in ENDED:
            continue
        study = parent.data.tags["study"]
        for run in search_runs(client, experiments, f"tags.`{PARENT}` = '{parent.info.run_id}'"):
            match run.data.tags:
                case {"key": key, "state": "PRUNED"}:
                    pruned[study] |= {key}
                case {"key": key, "state": "COMPLETE", "weights": weights}:
                    complete[weights] = f"{key} of {study}"
    return complete, dict(pruned)


def _winners(parents: Sequence["Run"], finals: Sequence["Run"]) -> dict[str, str]:
    """Weights of each study's winner. The registered version may be of another study, or deleted."""
    found: dict[str, str] = {}
    for parent in parents:
        tags = parent.data.tags
        # Searches of earlier versions have no tag `winner`: it was row `best`, or `paper` if there was none.
        row = tags.get("winner", BEST if f"configuration.{BEST}" in tags else PAPER)
        configuration = tags.get(f"configuration.{row}")
        own = [
            row_of(run)
            for run in finals
            if run.data.tags.get(PARENT) == parent.info.run_id
            and "key" in run.data.tags
            and configuration in (None, run.data.tags.get("configuration"))
        ]
        dev_metric = dev_metric_of(own)
        winner = best_run([run for run in own if dev_metric in run.metrics], row, dev_metric)
        if winner is not None and "weights" in winner.tags:
            found[winner.tags["weights"]] = f"the winner of {parent.data.tags['study']}"
    return found


def _with_an_alias(client: "MlflowClient") -> dict[str, str]:
    """Weights of registered versions that have an alias."""
    from mlflow.exceptions import MlflowException

    found: dict[str, str] = {}
    for model in _models(client):
        aliases = {str(number): f"models:/{model.name}@{alias}" for alias, number in model.aliases.items()}
        for version in versions_of(client, model.name):
            if str(version.version) not in aliases or not version.run_id:
                continue
            try:
                tags: Mapping[str, str] = client.get_run(str(version.run_id)).data.tags
            except MlflowException as error:
                if error.error_code not in ABSENT:
                    raise  # MLflow failed: the version may still need its weights
                continue  # the run was deleted; the version has its own copy of the student
            if "weights" in tags:
                found[tags["weights"]] = aliases[str(version.version)]
    return found


def _models(client: "MlflowClient") -> Iterator["RegisteredModel"]:
    return pages(client.search_registered_models, f"name LIKE '{PREFIX}%'")
