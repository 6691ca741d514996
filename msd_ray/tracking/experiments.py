"""Finds the experiments that hold studies, also those that were renamed in MLflow."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .client import mlflow_errors, pages
from .connection import experiment_id
from .rows import search_runs

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run
    from mlflow.tracking import MlflowClient

PREFIX = "msd-"


def experiment_name(dataset: str, lang: str) -> str:
    """Name of the experiment of a data set and language."""
    return f"{PREFIX}{dataset}-{lang}"


def study_experiments(client: "MlflowClient") -> list[str]:
    """Ids of the experiments with the package's names, and of renamed ones that hold studies."""
    own: list[str] = []
    others: list[str] = []
    for experiment in _active(client):
        (own if experiment.name.startswith(PREFIX) else others).append(experiment.experiment_id)
    return [*own, *dict.fromkeys(run.info.experiment_id for run in _parents(client, others))]


def study_experiment(client: "MlflowClient", tracking_uri: str, *, dataset: str, lang: str, study: str) -> str | None:
    """Id of the experiment that has the study's parent run, else of the one with the name; None if neither exists.

    Of several experiments with such a run, the one with the name is preferred.

    Raises:
        UserError: the experiment with the name was deleted.
    """
    name = experiment_name(dataset, lang)
    wanted = {"dataset": dataset, "lang": lang, "study": study}
    with mlflow_errors(tracking_uri):
        named = client.get_experiment_by_name(name)
        active = [experiment.experiment_id for experiment in _active(client)]
        found = [run.info.experiment_id for run in _parents(client, active) if wanted.items() <= run.data.tags.items()]
    if found and (named is None or named.experiment_id not in found):
        return found[0]
    return None if named is None else experiment_id(client, tracking_uri, name, None)  # raises if it was deleted


def _parents(client: "MlflowClient", experiments: list[str]) -> list["Run"]:
    """The parent runs of studies in these experiments; those of other programs lack a tag."""
    runs = search_runs(client, experiments, "tags.kind = 'study'")
    return [run for run in runs if {"study", "dataset", "lang"} <= run.data.tags.keys()]


def _active(client: "MlflowClient") -> Iterator["Experiment"]:
    return pages(client.search_experiments)
