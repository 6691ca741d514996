"""Results of a search or an ablation as Python objects: rows, gains, trials, the exported student."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msd_ray.common.errors import UserError
from msd_ray.predict.tagger import Tagger
from msd_ray.storage.layout import Storage
from msd_ray.tracking.study_reader import RecordedStudy, StudyReader
from msd_ray.tracking.uri import default_tracking_uri

from .collect import TUNE
from .comparison import Comparison, SummaryRow
from .final_runs import final_rows
from .first_screen import winner_run

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class BestStudent:
    """The student that a search exported.

    Args:
        directory: an ordinary checkpoint of transformers.
        row: its row in the table, `best` or `average`.
        hyperparameters: as recorded in MLflow, such as `student.learning_rate`.
    """

    directory: Path
    row: str
    hyperparameters: Mapping[str, str]

    @cached_property
    def tagger(self) -> Tagger:
        """The student, loaded on first use."""
        return Tagger.from_pretrained(self.directory)


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """Results of a search or an ablation of one language.

    Args:
        study: its runs as recorded in MLflow.
        rows: the final table; scores are fractions, 0..1.
        comparisons: the gain of `best` (of `msd` in an ablation) over each other row, with Holm's correction.
        best: the exported student; None for an ablation, or if every final run of the best configuration failed.
    """

    study: RecordedStudy
    rows: tuple[SummaryRow, ...]
    comparisons: tuple[Comparison, ...]
    best: BestStudent | None

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study.name

    @property
    def trials(self) -> "DataFrame":
        """One line per run, oldest first: phase, row, state, parameters, and the newest value of each metric."""
        from pandas import DataFrame, to_numeric

        frame = DataFrame(
            [
                {"run": run.name, "phase": run.phase, "row": run.tags.get("row"), "state": run.state}
                | dict(run.parameters)
                | dict(run.metrics)
                for run in self.study.runs
            ]
        )
        for name in {name for run in self.study.runs for name in run.parameters}:
            numbers = to_numeric(frame[name], errors="coerce")
            if numbers.notna().sum() == frame[name].notna().sum():
                frame[name] = numbers
        return frame


def load_study(name: str, *, storage: str | Path = "runs", mlflow_uri: str | None = None) -> StudyResult:
    """Read the results of a study that `tune` or `ablate` recorded.

    Args:
        name: of the study, such as `sample-ar`.
        storage: directory or bucket of the study.
        mlflow_uri: MLflow server or database; None: `mlflow.db` in the storage.

    Raises:
        UserError: there is no such study, or MLflow is unavailable.
    """
    place = Storage.at(storage)
    with StudyReader.open(mlflow_uri or default_tracking_uri(place.root)) as reader:
        studies = reader.studies()
    study = next((study for study in studies if study.name == name), None)
    if study is None:
        known = ", ".join(sorted({study.name for study in studies})) or "none"
        raise UserError(f"study {name}: is not recorded. Recorded studies: {known}.")
    found = final_rows(study)
    return StudyResult(
        study=study, rows=tuple(found.rows), comparisons=tuple(found.gains), best=_best_student(study, place)
    )


def _best_student(study: RecordedStudy, storage: Storage) -> BestStudent | None:
    run, directory = winner_run(study), storage.model(study.name)
    if study.command != TUNE or run is None or not directory.is_dir():
        return None
    hyperparameters = {
        name: value for name, value in run.parameters.items() if name.startswith(("student.", "teacher."))
    }
    return BestStudent(directory=directory, row=run.tags["row"], hyperparameters=hyperparameters)
