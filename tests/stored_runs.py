"""What a search left in its two SQLite databases, read without MLflow and Optuna between."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATES = {"COMPLETE", "PRUNED", "FAIL"}
STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}


@dataclass(frozen=True, kw_only=True)
class Run:
    """An MLflow run; metrics: the newest value of each."""

    status: str
    parameters: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]

    @property
    def scores(self) -> dict[str, float]:
        """The metrics without those that differ from run to run."""
        return {name: value for name, value in self.metrics.items() if "time/" not in name}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An Optuna trial."""

    study: str
    number: int
    state: str
    value: float | None
    parameters: dict[str, Any]
    epochs: dict[int, float]


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a database that another process may be writing."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(sql).fetchall()


def runs(storage: Path) -> list[Run]:
    """All runs of the storage's MLflow database, parents too, in the order of their creation."""
    found = []
    for run_id, status in query(storage / "mlflow.db", "SELECT run_uuid, status FROM runs ORDER BY start_time, rowid"):
        of_run = f"WHERE run_uuid = '{run_id}'"
        found.append(
            Run(
                status=status,
                parameters=dict(query(storage / "mlflow.db", f"SELECT key, value FROM params {of_run}")),
                metrics=dict(query(storage / "mlflow.db", f"SELECT key, value FROM latest_metrics {of_run}")),
                tags=dict(query(storage / "mlflow.db", f"SELECT key, value FROM tags {of_run}")),
            )
        )
    return found


def parents(storage: Path) -> list[Run]:
    return [run for run in runs(storage) if run.tags["kind"] == "study"]


def children(storage: Path) -> dict[str, Run]:
    """The runs of trials by key; there are no two with one key."""
    found = [run for run in runs(storage) if run.tags["kind"] == "run"]
    by_key = {run.tags["key"]: run for run in found}
    assert len(by_key) == len(found), sorted(run.tags["key"] for run in found)
    return by_key


def trials(storage: Path) -> list[Trial]:
    """All trials of all studies in the storage's Optuna database."""
    database = storage / "studies.db"
    found = []
    for trial_id, study, number, state in query(
        database,
        "SELECT trial_id, study_name, number, state FROM trials JOIN studies USING (study_id) "
        "ORDER BY study_name, number",
    ):
        of_trial = f"WHERE trial_id = {trial_id}"
        values = query(database, f"SELECT value FROM trial_values {of_trial}")
        attributes = dict(query(database, f"SELECT key, value_json FROM trial_user_attributes {of_trial}"))
        epochs = query(database, f"SELECT step, intermediate_value FROM trial_intermediate_values {of_trial}")
        parameters = json.loads(attributes["configuration"]) if "configuration" in attributes else {}
        found.append(
            Trial(
                study=study,
                number=number,
                state=state,
                value=values[0][0] if values else None,
                parameters=parameters,
                epochs=dict(epochs),
            )
        )
    return found


def assert_settled(storage: Path, metric: str = "dev_target/f1") -> None:
    """One parent that has ended, and every trial ended in one of the three states, alike in both databases.

    metric: the one that ranks trials.
    """

    def ended(run: Run) -> bool:
        return run.tags["state"] != "FAIL"

    (parent,) = parents(storage)
    assert parent.status == "FINISHED"
    recorded = children(storage)
    assert {run.tags["state"] for run in recorded.values()} <= STATES
    assert {key: run.status for key, run in recorded.items()} == {
        key: STATUS[run.tags["state"]] for key, run in recorded.items()
    }
    # What a run's newest score says, of early-stopped trials too, is the trial's value: that of its best epoch.
    said = [
        (run.tags["phase"], int(run.tags["trial"]), run.tags["state"], run.metrics[metric] if ended(run) else None)
        for run in recorded.values()
    ]
    known = [(t.study.split("/")[1].split("-")[0], t.number, t.state, t.value) for t in trials(storage)]
    # A run that two studies have, of an extended search for example, is recorded once, under its newest number.
    assert set(said) <= set(known)
    assert {(phase, *rest) for phase, _, *rest in said} == {(phase, *rest) for phase, _, *rest in known}


def assert_same_outcome(storage: Path, undisturbed: Path) -> None:
    """Numbers, parameters, states, weights and scores equal those of another storage."""
    assert trials(storage) == trials(undisturbed)
    found, expected = children(storage), children(undisturbed)
    assert found.keys() == expected.keys()
    for key, run in found.items():
        assert run.parameters == expected[key].parameters, key
        assert run.tags["state"] == expected[key].tags["state"], key
        assert run.tags.get("weights_sha256") == expected[key].tags.get("weights_sha256"), key
        assert run.scores == expected[key].scores, key
