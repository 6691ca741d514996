"""Which studies have ended, and which trainings their winners and registered students come from, by MLflow."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msd_ray.search.configuration import BEST, PAPER

from .client import mlflow_errors
from .connection import connect
from .registry import versions_of
from .rows import PARENT, best_run, dev_metric_of, row_of, search_runs
from .study import STATUS
from .uri import sqlite_path

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

OURS = "name LIKE 'msd-%'"
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
ENDED = (STATUS["COMPLETE"], STATUS["FAIL"])
"""Of a study's parent: every run has ended, and there is a student or none."""


@dataclass(frozen=True, kw_only=True)
class StudyStates:
    """finished: by study, whether all of it has ended. stopped: by study that has not, the trials it stopped early.
    weights: by the place of a weights file in the storage, what was made from it: a version with an alias, a study's
    winner, a trial of a study that has not ended. there: whether there is such a database at all.
    """

    finished: dict[str, bool] = field(default_factory=dict)
    stopped: dict[str, frozenset[str]] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    there: bool = True


def study_states(tracking_uri: str) -> StudyStates:
    """Read them; nothing where the SQLite file is not there, which is not made. Raises UserError."""
    database = sqlite_path(tracking_uri)
    if database is not None and not database.exists():
        return StudyStates(there=False)
    client = connect(tracking_uri)
    with mlflow_errors(tracking_uri):
        experiments = [one.experiment_id for one in _all(client.search_experiments, OURS)]
        parents = [run for run in search_runs(client, experiments, "tags.kind = 'study'") if "study" in run.data.tags]
        finished: dict[str, bool] = {}
        for run in parents:
            name = run.data.tags["study"]
            finished[name] = run.info.status in ENDED and finished.get(name, True)
        finals = search_runs(client, experiments, "tags.phase = 'final'")
        ended_well, stopped = _open_trials(client, experiments, parents)
        weights = {**ended_well, **_winners(parents, finals), **_with_an_alias(client)}
        return StudyStates(finished=finished, stopped=stopped, weights=weights)


def _open_trials(
    client: "MlflowClient", experiments: Sequence[str], parents: Sequence["Run"]
) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """Of the studies that have not ended: the trials that ended well, by their weights; those stopped, by study."""
    ended_well: dict[str, str] = {}
    stopped: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for parent in parents:
        if parent.info.status in ENDED:
            continue
        study = parent.data.tags["study"]
        for run in search_runs(client, experiments, f"tags.`{PARENT}` = '{parent.info.run_id}'"):
            match run.data.tags:
                case {"key": key, "state": "PRUNED"}:
                    stopped[study] |= {key}
                case {"key": key, "state": "COMPLETE", "weights": weights}:
                    ended_well[weights] = f"{key} of {study}"
    return ended_well, dict(stopped)


def _winners(parents: Sequence["Run"], finals: Sequence["Run"]) -> dict[str, str]:
    """Of what each study would export again: its registered version may be another study's, or deleted."""
    found: dict[str, str] = {}
    for parent in parents:
        tags = parent.data.tags
        # Searches of earlier versions named no winner: it was the row `best`, or the paper's where there is none.
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
    """Of the registered versions that have an alias."""
    from mlflow.exceptions import MlflowException

    found: dict[str, str] = {}
    for model in _all(client.search_registered_models, OURS):
        aliases = {str(number): f"models:/{model.name}@{alias}" for alias, number in model.aliases.items()}
        for version in versions_of(client, model.name):
            if str(version.version) not in aliases or not version.run_id:
                continue
            try:
                tags: Mapping[str, str] = client.get_run(str(version.run_id)).data.tags
            except MlflowException as error:
                if error.error_code not in ABSENT:
                    raise  # not to be taken for a champion that needs nothing
                continue  # its run was deleted; the version has its own copy of the student
            if "weights" in tags:
                found[tags["weights"]] = aliases[str(version.version)]
    return found


def _all(search: Any, condition: str) -> Iterator[Any]:
    token = None
    while True:
        page = search(filter_string=condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
