"""StudyReader: reads studies, metric curves and artifacts from MLflow, for reports.

Nothing is cached: runs that were deleted in the meantime are missing. What was never recorded is absent or None.
"""

import tempfile
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self, TypeAlias

from msd_ray.common.errors import UserError
from msd_ray.common.limits import LARGEST_TEXT, require_plain
from msd_ray.data.inventory import SplitCount

from .client import mlflow_errors
from .connection import connect
from .corpus_counts import KIND, counts_of
from .experiments import study_experiments
from .history import Point, metric_history
from .labels import TUNE
from .relocation import relocate_artifacts
from .rows import PARENT, RunRow, one_per_key, row_of, search_runs
from .uri import sqlite_path

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

Curves: TypeAlias = Mapping[str, tuple[tuple[int, float], ...]]  # by metric: (epoch, value), in ascending order

EPOCH = "epoch"  # the metric that marks an epoch as completely written
LISTED = 100  # run ids per filter


@dataclass(frozen=True, kw_only=True)
class RecordedStudy:
    """A study and its runs, oldest first; command: `tune` or `ablate`."""

    name: str
    dataset: str
    lang: str
    command: str
    parent: RunRow
    runs: tuple[RunRow, ...]


class StudyReader:
    """Reads one MLflow store; create it with `open`. As a context manager it removes downloaded artifacts at exit."""

    def __init__(self, client: "MlflowClient", uri: str) -> None:
        self._client, self._uri = client, uri
        self._directory = tempfile.TemporaryDirectory(prefix="msd-ray-artifacts-")

    @classmethod
    def open(cls, tracking_uri: str) -> Self:
        """Connect to an MLflow database or server.

        Raises:
            UserError: the database does not exist or the store is unusable (detected within seconds).
        """
        database = sqlite_path(tracking_uri)
        if database is not None and not database.is_file():
            raise UserError(
                f"--mlflow-uri {tracking_uri}: {database} does not exist. Give the --storage or --mlflow-uri "
                "with which the study was recorded."
            )
        relocate_artifacts(tracking_uri)
        return cls(connect(tracking_uri), tracking_uri)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove downloaded artifacts."""
        self._directory.cleanup()

    def studies(self, dataset: str | None = None, langs: Collection[str] | None = None) -> list[RecordedStudy]:
        """The studies of a data set and of these languages, newest first. None means all.

        Raises:
            UserError: the store is unavailable.
        """
        with mlflow_errors(self._uri):
            runs = search_runs(self._client, study_experiments(self._client))
        children: dict[str, list[RunRow]] = defaultdict(list)
        for run in runs:
            if {PARENT, "key", "phase"} <= run.data.tags.keys():
                children[run.data.tags[PARENT]].append(row_of(run))
        parents = [run for run in reversed(runs) if run.data.tags.get("kind") == "study"]
        studies = [_study(run, one_per_key(children[run.info.run_id])) for run in parents]
        return [
            study for study in studies if dataset in (None, study.dataset) and (langs is None or study.lang in langs)
        ]

    def counts(self) -> dict[str, list[SplitCount]]:
        """Corpus statistics by data set; data sets without statistics are omitted.

        Raises:
            UserError: the store is unavailable.
        """
        with mlflow_errors(self._uri):
            return counts_of(search_runs(self._client, study_experiments(self._client), f"tags.kind = '{KIND}'"))

    def curves(self, run_id: str) -> Curves:
        """All metrics of one run that have a value per epoch; empty for a missing run."""
        return self.curves_of([run_id]).get(run_id, {})

    def curves_of(self, run_ids: Sequence[str], metrics: Collection[str] | None = None) -> Mapping[str, Curves]:
        """The curves of many runs, with one request per metric.

        Missing runs are omitted, and so are values that StudyTracker.finish wrote after the last epoch.

        Args:
            metrics: the metrics to read; None means all.

        Raises:
            UserError: the store is unavailable.
        """
        with mlflow_errors(self._uri):
            present = {run.info.run_id: frozenset(run.data.metrics) for run in self._present(run_ids)}
            names = {name for own in present.values() for name in own if metrics is None or name in metrics}
            epochs = metric_history(self._client, list(present), EPOCH)
            curves: dict[str, dict[str, tuple[Point, ...]]] = {run_id: {} for run_id in run_ids if run_id in present}
            for name in sorted(names):
                runs = [run_id for run_id, own in present.items() if name in own and run_id in epochs]
                for run_id, points in metric_history(self._client, runs, name).items():
                    steps = {step for step, _ in epochs[run_id]}
                    if curve := tuple(point for point in points if point[0] in steps):
                        curves[run_id][name] = curve
            return curves

    def artifact(self, run_id: str, path: str) -> Path | None:
        """Download an artifact such as `results/predictions.parquet`; None if the run or the file does not exist.

        Raises:
            UserError: the store is unavailable, the download fails, or the file is too large.
        """
        # The run id becomes a directory name, and a malicious server may send any string.
        name = require_plain(run_id, "MLflow's run")
        with mlflow_errors(self._uri):
            if not self._present([run_id]):
                return None
            folder = str(PurePosixPath(path).parent)
            listed = self._client.list_artifacts(run_id, None if folder == "." else folder)
            if path not in {file.path for file in listed if not file.is_dir}:
                return None
            size = next(file.file_size for file in listed if file.path == path) or 0
            if size > LARGEST_TEXT:
                raise UserError(f"{path} of MLflow's run {run_id}: {size} bytes exceed the limit of {LARGEST_TEXT}")
            own = Path(self._directory.name) / name
            own.mkdir(exist_ok=True)
            return Path(self._client.download_artifacts(run_id, path, str(own)))

    def log_files(self, run_id: str, directory: Path, artifact_path: str) -> None:
        """Store the files of a directory as artifacts of a run; existing artifacts are replaced.

        Raises:
            UserError: the run or the directory does not exist, or the upload fails.
        """
        if not directory.is_dir():
            raise UserError(f"{directory} is not a directory: there are no files to store in MLflow")
        with mlflow_errors(self._uri):
            self._require(run_id, directory)
            self._client.log_artifacts(run_id, str(directory), artifact_path)

    def log_file(self, run_id: str, file: Path, artifact_path: str) -> None:
        """Store a file as an artifact of a run; an existing one is replaced.

        Raises:
            UserError: the run does not exist, or the upload fails.
        """
        with mlflow_errors(self._uri):
            self._require(run_id, file)
            self._client.log_artifact(run_id, str(file), artifact_path)

    def _require(self, run_id: str, path: Path) -> None:
        """Raise UserError if the run does not exist."""
        if not self._present([run_id]):
            raise UserError(f"cannot store {path} in MLflow: it has no run {run_id}. The study may have been deleted.")

    def _present(self, run_ids: Sequence[str]) -> list["Run"]:
        """The runs that exist and are not deleted."""
        experiments = study_experiments(self._client)
        found: list[Run] = []
        for start in range(0, len(run_ids), LISTED):
            listed = ", ".join(f"'{run_id}'" for run_id in run_ids[start : start + LISTED])
            found.extend(search_runs(self._client, experiments, f"attributes.run_id IN ({listed})"))
        return found


def _study(parent: "Run", runs: Sequence[RunRow]) -> RecordedStudy:
    tags = parent.data.tags
    if missing := [name for name in ("study", "dataset", "lang") if name not in tags]:
        raise UserError(
            f"MLflow's run {parent.info.run_id} has the tag kind = study but no tag {', '.join(missing)}: "
            "it was not created by msd_ray. Delete the run or its tag."
        )
    return RecordedStudy(
        name=tags["study"],
        dataset=tags["dataset"],
        lang=tags["lang"],
        command=tags.get("command", TUNE),  # earlier versions had no other command and no tag
        parent=row_of(parent),
        runs=tuple(runs),
    )
