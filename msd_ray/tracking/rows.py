"""RunRow: one run of a study as stored in MLflow; and queries for runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from .client import pages

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

State = Literal["COMPLETE", "PRUNED", "FAIL"]
STATES: tuple[State, ...] = get_args(State)
PARENT = "mlflow.parentRunId"
PAGE = 1000  # runs per request
DEV_METRICS = ("dev_target/f1", "dev_source/f1")
"""Metrics by which epochs and configurations can be selected."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run. metrics: newest value of each. parameters: flat, as strings.

    A study's parent run has the key and phase `study`.
    """

    run_id: str
    key: str
    name: str
    phase: str
    state: State | None  # None while running
    status: str  # MLflow status: RUNNING, FINISHED, KILLED, FAILED
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def row_of(run: "Run") -> RunRow:
    """Convert a run that was created by StudyTracker."""
    tags = dict(run.data.tags)
    state = (
        tags.get("state") if run.info.status != "RUNNING" else None
    )  # a killed driver may have set the tag but not the status
    parent = tags.get("kind") == "study"
    return RunRow(
        run_id=run.info.run_id,
        key="study" if parent else tags["key"],
        name=run.info.run_name or "",
        phase="study" if parent else tags["phase"],
        state=state if state in STATES else None,
        status=run.info.status,
        parameters=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags={name: value for name, value in tags.items() if not name.startswith("mlflow.")},
    )


def best_run(runs: Sequence[RunRow], row: str, dev_metric: str) -> RunRow | None:
    """The complete final run of a row with the highest dev F1, the oldest of equals; None if there is none."""
    final = [run for run in runs if run.phase == "final" and run.tags.get("row") == row and run.state == "COMPLETE"]
    return max(final, key=lambda run: run.metrics[dev_metric], default=None)


def one_per_key(rows: Iterable[RunRow]) -> list[RunRow]:
    """One run per key, in the order of `rows`, which are oldest first: the oldest COMPLETE one, else the oldest.

    A key has two runs if one was deleted, recorded again, and then restored.
    """
    chosen: dict[str, RunRow] = {}
    for row in rows:
        if row.key not in chosen or (row.state == "COMPLETE" and chosen[row.key].state != "COMPLETE"):
            chosen[row.key] = row
    return list(chosen.values())


def search_runs(
    client: "MlflowClient", experiments: Sequence[str], condition: str = "", *, deleted: bool = False
) -> list["Run"]:
    """The active, or the deleted, runs of these experiments (ids) that match an MLflow filter, oldest first."""
    from mlflow.entities import ViewType

    if not experiments:
        return []
    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    order = ["attributes.start_time ASC"]
    return list(pages(client.search_runs, list(experiments), condition, view, PAGE, order_by=order))


def dev_metric_of(runs: Iterable[RunRow]) -> str:
    """The metric that selected epochs and configurations: target dev F1, or source dev F1 if no run has that."""
    recorded = {name for run in runs for name in run.metrics}
    return next((name for name in DEV_METRICS if name in recorded), DEV_METRICS[0])
