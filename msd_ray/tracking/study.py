"""StudyTracker: writes the runs of one study to MLflow. Only the driver process uses it.

Every method is idempotent, so that a killed driver can be started again: runs are found by their tags, and existing
epochs and parameters are not written twice. This relies on MLflow's transactions: a run is created together with its
tags, and a batch of metrics is written as a whole.
"""

import math
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from msd_ray.data.catalogue import DEFAULT_SOURCE

from .client import mlflow_errors
from .conflicts import find_parent_run
from .connection import connect, experiment_id
from .experiments import experiment_name, study_experiment
from .labels import TUNE, StudyLabels
from .parameters import Json, flat_parameters, new_parameters, shortened
from .provenance import dataset_inputs, source_tags
from .relocation import relocate_artifacts
from .rows import PARENT, RunRow, State, one_per_key, row_of, search_runs

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

LONGEST_TAG = 8000  # mlflow.utils.validation.MAX_TAG_VAL_LENGTH
BATCH = 100  # parameters or tags per request: mlflow.utils.validation.MAX_PARAMS_TAGS_PER_BATCH
INTERRUPTED = "interrupted"  # tag of unfinished runs whose driver was interrupted
STATUS: Mapping[State, str] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}


@dataclass
class _Child:
    """Cached state of a child run; `epochs` is None until it is read from MLflow."""

    run_id: str
    running: bool
    epochs: set[int] | None = field(default=None)


class StudyTracker:
    """One study's parent run and its children; create it with `open`. Not thread-safe; one process per study."""

    def __init__(self, client: "MlflowClient", uri: str, experiment: str, parent: str, labels: StudyLabels) -> None:
        self._client, self._uri, self._experiment, self._labels = client, uri, experiment, labels
        self.parent_id = parent
        self.parent_restored = False  # whether `open` restored the parent run, which was deleted in MLflow
        self._children: dict[str, _Child] = {}  # by key
        self._by_id: dict[str, _Child] = {}
        self.refresh()

    @classmethod
    def open(
        cls,
        tracking_uri: str,
        *,
        dataset: str,
        lang: str,
        study: str,
        parameters: Mapping[str, Json],
        tags: Mapping[str, str],
        artifact_root: Path | None = None,
        resumed: bool = False,
    ) -> Self:
        """Create database, experiment and parent run, or find them and set the parent running.

        A new parent run gets a note that describes the study; users may edit it in the UI.

        Args:
            parameters: settings that never change during a study.
            tags: settings that may change on resume (number of trials, resources); `command` defaults to `tune`.
            artifact_root: directory for artifacts unless the URI is a server; default `mlartifacts` next to the
                SQLite file.
            resumed: whether the study has ended trials: a parent run that was deleted in MLflow is then restored.

        Raises:
            UserError: the store is unusable (detected within seconds), or the study is recorded with a different value
                of a parameter or by a different command.
        """
        relocate_artifacts(tracking_uri, artifact_root)
        client = connect(tracking_uri)
        experiment = study_experiment(client, tracking_uri, dataset=dataset, lang=lang, study=study) or experiment_id(
            client, tracking_uri, experiment_name(dataset, lang), artifact_root
        )
        with mlflow_errors(tracking_uri):
            command = tags.get("command", TUNE)
            found = find_parent_run(client, experiment, study, command)
            restored = None if found or not resumed else _restored_parent_run(client, experiment, study, command)
            found = found or restored
            sources = str(parameters.get("source_lang", DEFAULT_SOURCE))
            labels = StudyLabels(study=study, dataset=dataset, lang=lang, sources=sources, command=command)
            if found is None:
                own = {"mlflow.note.content": labels.note(), **labels.parent_tags(), **source_tags(command)}
                found = client.create_run(experiment, run_name=study, tags=_tags({**tags, **own}))
            tracker = cls(client, tracking_uri, experiment, found.info.run_id, labels)
            tracker.parent_restored = restored is not None
            tracker._log_parameters(found, parameters, run=f"study {study}")
            if inputs := dataset_inputs(parameters, lang):
                client.log_inputs(tracker.parent_id, inputs)  # what is already there is not added again
            tracker._set_tags(tracker.parent_id, {**tags, **labels.parent_tags()})
            if found.info.status != "RUNNING":
                client.update_run(tracker.parent_id, status="RUNNING")
        return tracker

    def refresh(self) -> None:
        """Read the children from MLflow again. To be called after a failed call.

        A request that failed may have created a run, and so may its retry. Of several runs with one key that
        of `one_per_key` is used; the others are deleted if they are empty.
        """
        with mlflow_errors(self._uri):
            self._children, self._by_id = {}, {}
            rows = [row_of(run) for run in self._child_runs()]
            for row in one_per_key(rows):
                self._cache(row.key, _Child(row.run_id, row.status == "RUNNING"))
            for row in rows:
                if row.run_id not in self._by_id and not row.metrics:
                    self._client.delete_run(row.run_id)

    def restore(self, keys: Collection[str]) -> list[str]:
        """Restore children with these keys that were deleted in MLflow. Returns the keys of the restored ones."""
        with mlflow_errors(self._uri):
            deleted = self._child_runs(deleted=True)
            self.refresh()
            wanted = set(keys) - self._children.keys()
            lost = [row for row in one_per_key(map(row_of, deleted)) if row.key in wanted]
            for row in lost:
                self._client.restore_run(row.run_id)
            self.refresh()
            return [row.key for row in lost]

    def run_id(self, key: str) -> str | None:
        """Run id of the child with this key, None if there is none. Safe to call from another thread."""
        child = self._children.get(key)
        return None if child is None else child.run_id

    def child(
        self,
        key: str,
        *,
        name: str,
        parameters: Mapping[str, Json],
        tags: Mapping[str, str],
        timestamp_ms: int | None = None,
    ) -> str:
        """Find or create the child with this key (`student/3`), and return its run id.

        The part of the key before the first `/` becomes the tag `phase`; `StudyLabels.child_tags` has the others. The
        language is appended to `name`.

        Args:
            timestamp_ms: start time; default now.

        Raises:
            UserError: the child exists with a different value of a parameter.
        """
        tags = self._labels.child_tags(key, tags)
        with mlflow_errors(self._uri):
            known = self._children.get(key)
            if known is None:
                run = self._client.create_run(
                    self._experiment,
                    start_time=timestamp_ms,
                    run_name=self._labels.name(name),
                    tags=_tags({**tags, **self._labels.description(key, tags), PARENT: self.parent_id}),
                )
                known = self._cache(key, _Child(run.info.run_id, running=True, epochs=set()))
            else:
                run = self._client.get_run(known.run_id)
                self._set_tags(known.run_id, tags)
            self._log_parameters(run, parameters, run=f"run {key}")
        return known.run_id

    def log_epoch(self, run_id: str, *, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Write an epoch's metrics in one transaction, unless the epoch is already written. Epochs count from 1.

        A trial that resumes from a checkpoint may report an epoch twice, with different timings; the first report is
        kept. A finished child is set running again.
        """
        child = self._by_id[run_id]
        with mlflow_errors(self._uri):
            written = self._epochs(child)
            if epoch in written:
                return
            if not child.running:
                self._delete_tags(run_id, "state", "reason")
                self._client.update_run(run_id, status="RUNNING")
                child.running = True
            self._log_metrics(run_id, {**metrics, "epoch": epoch}, step=epoch, timestamp_ms=timestamp_ms)
            written.add(epoch)

    def finish(
        self,
        run_id: str,
        *,
        state: State,
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Finish a child: write summary metrics (one step after the last epoch), tags, state and MLflow status.

        Args:
            timestamp_ms: end time; default now.
        """
        ended = _now_ms() if timestamp_ms is None else timestamp_ms
        child = self._by_id[run_id]
        with mlflow_errors(self._uri):
            step = max(self._epochs(child), default=0) + 1
            missing = self._without_step(run_id, metrics or {}, step)
            self._log_metrics(run_id, missing, step=step, timestamp_ms=ended)
            if reason is None:
                self._delete_tags(run_id, "reason")  # of an earlier attempt
            ending = {"state": state, **({"reason": reason} if reason else {})}
            self._set_tags(run_id, {**(tags or {}), **ending})
            if self._client.get_run(run_id).info.status != STATUS[state]:
                self._client.set_terminated(run_id, status=STATUS[state], end_time=ended)
            child.running = False

    def parent_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write those parent metrics that changed. The step is the number of earlier values."""
        with mlflow_errors(self._uri):
            newest = self._client.get_run(self.parent_id).data.metrics
            for key, value in metrics.items():
                if key not in newest:
                    step = 0
                elif _same(newest[key], value):
                    continue
                else:
                    step = 1 + max(m.step for m in self._client.get_metric_history(self.parent_id, key))
                self._log_metrics(self.parent_id, {key: value}, step=step, timestamp_ms=_now_ms())

    def parent_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the parent."""
        with mlflow_errors(self._uri):
            self._set_tags(self.parent_id, tags)

    def close(self, state: State = "COMPLETE") -> None:
        """Finish the parent; `open` sets it running again."""
        with mlflow_errors(self._uri):
            self._set_tags(self.parent_id, {"state": state})
            self._client.set_terminated(self.parent_id, status=STATUS[state])

    def mark_interrupted(self, when: str) -> None:
        """Tag the parent and the running children with the time at which their driver was interrupted."""
        with mlflow_errors(self._uri):
            for run_id in [self.parent_id, *(child.run_id for child in self._children.values() if child.running)]:
                self._set_tags(run_id, {INTERRUPTED: when})

    def clear_interrupted(self) -> None:
        """Remove the tag of `mark_interrupted`."""
        with mlflow_errors(self._uri):
            for run in [self._client.get_run(self.parent_id), *self._child_runs()]:
                if INTERRUPTED in run.data.tags:
                    self._client.delete_tag(run.info.run_id, INTERRUPTED)

    def log_file(self, run_id: str, path: Path, artifact_path: str | None = None) -> None:
        """Store a file, or the files of a directory, under `artifact_path`; existing artifacts are replaced."""
        with mlflow_errors(self._uri):
            if path.is_dir():
                self._client.log_artifacts(run_id, str(path), artifact_path)
            else:
                self._client.log_artifact(run_id, str(path), artifact_path)

    def runs(self) -> list[RunRow]:
        """The children as currently stored in MLflow, one per key, oldest first."""
        with mlflow_errors(self._uri):
            return one_per_key(row_of(run) for run in self._child_runs())

    def _child_runs(self, *, deleted: bool = False) -> list["Run"]:
        condition = f"tags.`{PARENT}` = '{self.parent_id}'"
        runs = search_runs(self._client, [self._experiment], condition, deleted=deleted)
        return [run for run in runs if {"key", "phase"} <= run.data.tags.keys()]

    def _cache(self, key: str, child: _Child) -> _Child:
        self._children[key] = self._by_id[child.run_id] = child
        return child

    def _epochs(self, child: _Child) -> set[int]:
        if child.epochs is None:
            child.epochs = {m.step for m in self._client.get_metric_history(child.run_id, "epoch")}
        return child.epochs

    def _without_step(self, run_id: str, metrics: Mapping[str, float], step: int) -> dict[str, float]:
        """The metrics that have no value at this step."""
        newest = self._client.get_run(run_id).data.metrics
        history = self._client.get_metric_history
        return {
            key: value
            for key, value in metrics.items()
            if key not in newest or all(point.step != step for point in history(run_id, key))
        }

    def _log_metrics(self, run_id: str, metrics: Mapping[str, float], *, step: int, timestamp_ms: int) -> None:
        from mlflow.entities import Metric

        if metrics:
            points = [Metric(key, float(value), timestamp_ms, step) for key, value in metrics.items()]
            self._client.log_batch(run_id, metrics=points)

    def _log_parameters(self, logged: "Run", parameters: Mapping[str, Json], *, run: str) -> None:
        from mlflow.entities import Param

        missing = new_parameters(logged.data.params, flat_parameters(parameters), run=run)
        for batch in _batches(Param(key, value) for key, value in missing.items()):
            self._client.log_batch(logged.info.run_id, params=batch)

    def _delete_tags(self, run_id: str, *names: str) -> None:
        """Delete those of the tags that the run has."""
        for name in self._client.get_run(run_id).data.tags.keys() & set(names):
            self._client.delete_tag(run_id, name)

    def _set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        for batch in _batches(RunTag(key, value) for key, value in _tags(tags).items()):
            self._client.log_batch(run_id, tags=batch)


def _restored_parent_run(client: "MlflowClient", experiment: str, study: str, command: str) -> "Run | None":
    """Restore the study's parent run if it was deleted in MLflow."""
    found = find_parent_run(client, experiment, study, command, deleted=True)
    if found is not None:
        client.restore_run(found.info.run_id)
    return found


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: shortened(str(value), LONGEST_TAG) for name, value in tags.items()}


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    everything = list(items)
    for start in range(0, len(everything), BATCH):
        yield everything[start : start + BATCH]


def _same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
