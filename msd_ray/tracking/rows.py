"""RunRow: one run of a study as the tracking database holds it; and the search that finds runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

State = Literal["COMPLETE", "PRUNED", "FAIL"]
STATES: tuple[State, ...] = get_args(State)
PARENT = "mlflow.parentRunId"
PAGE = 1000  # runs a request
DEV_METRICS = ("dev_target/f1", "dev_source/f1")
"""What may choose epochs and configurations."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run; `metrics` are each metric's newest values, `parameters` the flat strings MLflow keeps.

    A study's parent run has `study` for key and phase.
    """

    run_id: str
    key: str
    name: str
    phase: str
    state: State | None  # None while it runs
    status: str  # MLflow's: RUNNING, FINISHED, KILLED, FAILED
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def row_of(run: "Run") -> RunRow:
    """What `msd_ray.tracking` needs of a run that a StudyTracker made."""
    tags = dict(run.data.tags)
    state = tags.get("state") if run.info.status != "RUNNING" else None  # a killed driver may leave the tag alone
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
    """The final run of a row with the highest dev F1, the oldest of equal ones; None if none is complete."""
    final = [run for run in runs if run.phase == "final" and run.tags.get("row") == row and run.state == "COMPLETE"]
    return max(final, key=lambda run: run.metrics[dev_metric], default=None)


def search_runs(client: "MlflowClient", experiments: Sequence[str], condition: str = "") -> list["Run"]:
    """The runs of these experiments (by id) that meet an MLflow filter, oldest first; none that was deleted."""
    if not experiments:
        return []
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            list(experiments), condition, max_results=PAGE, order_by=["attributes.start_time ASC"], page_token=token
        )
        found.extend(page)
        token = page.token
        if not token:
            return found


def dev_metric_of(runs: Iterable[RunRow]) -> str:
    """The metric that chose epochs and configurations: F1 on target dev, on source dev where no run has that one."""
    recorded = {name for run in runs for name in run.metrics}
    return next((name for name in DEV_METRICS if name in recorded), DEV_METRICS[0])
