"""StudyReader on real studies: SQLite file, missing and deleted runs, and a server."""

import math
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from mlflow_server import mlflow_server
from recorded_studies import PAPER, ROWS, SEEDS, curve, scored

from msd_ray.common.errors import UserError
from msd_ray.tracking import history
from msd_ray.tracking.rows import RunRow
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.study_reader import RecordedStudy, StudyReader
from msd_ray.tracking.uri import default_tracking_uri


@pytest.fixture(scope="module")
def reader(recorded_database: Path) -> Iterator[StudyReader]:
    with StudyReader.open(default_tracking_uri(recorded_database.parent)) as opened:
        yield opened


@pytest.fixture
def copied(recorded_database: Path, tmp_path: Path) -> Iterator[StudyReader]:
    """Reader of a writable copy: `tmp_path/mlflow.db`."""
    shutil.copy(recorded_database, tmp_path / "mlflow.db")
    with StudyReader.open(default_tracking_uri(tmp_path)) as opened:
        yield opened


def study_named(reader: StudyReader, name: str) -> RecordedStudy:
    (study,) = (study for study in reader.studies() if study.name == name)
    return study


def run_with(study: RecordedStudy, key: str) -> RunRow:
    (run,) = (run for run in study.runs if run.key.startswith(key))
    return run


def points(f1: float) -> tuple[tuple[int, float], ...]:
    return tuple(enumerate(curve(f1), start=1))


# -- studies


def test_studies_newest_first(reader: StudyReader) -> None:
    studies = reader.studies("wikiann")
    assert [(study.name, study.dataset, study.lang, study.command) for study in studies] == [
        ("wikiann-hi-ablation", "wikiann", "hi", "ablate"),
        ("wikiann-hi", "wikiann", "hi", "tune"),
        ("wikiann-ar-ablation", "wikiann", "ar", "ablate"),
        ("wikiann-ar", "wikiann", "ar", "tune"),
    ]
    assert studies == reader.studies()
    assert {study.lang for study in reader.studies("wikiann", ["ar"])} == {"ar"}
    assert reader.studies("wikiann", ["ko"]) == reader.studies("conll") == []


def test_a_study_has_its_parent_and_its_own_runs(reader: StudyReader) -> None:
    ablation = study_named(reader, "wikiann-ar-ablation")
    keys = [run.key for run in ablation.runs]
    assert [key.split("/")[1] for key in keys] == [row for row in ROWS for _ in SEEDS]
    assert all(run.tags["study"] == "wikiann-ar-ablation" for run in ablation.runs)
    assert ablation.parent.phase == ablation.parent.key == "study"
    assert (ablation.parent.name, ablation.parent.state) == ("wikiann-ar-ablation", "COMPLETE")
    search = study_named(reader, "wikiann-hi")
    assert search.parent.metrics == {"final/best/test_f1_mean": 0.5}
    assert [run.key for run in search.runs if run.phase != "final"] == [
        "teacher/0",
        *(f"student/{number}" for number in range(4)),
    ]


def test_recorded_scores_and_missing_values(reader: StudyReader) -> None:
    study = study_named(reader, "wikiann-ar-ablation")
    for run in study.runs:
        assert run.metrics["test/f1"] == pytest.approx(scored(run.tags["row"], int(run.tags["seed"])))
        assert run.metrics.get("dev/f1") is None
    failed = run_with(study_named(reader, "wikiann-ar"), "student/3")
    assert failed.state == "FAIL"
    assert dict(failed.metrics) == {}


def test_a_study_without_a_command_tag_is_a_search(copied: StudyReader, tmp_path: Path) -> None:
    change(tmp_path, "DELETE FROM tags WHERE key = 'command'")
    assert study_named(copied, "wikiann-ar").command == "tune"


# -- curves


def test_curves_exclude_values_after_the_last_epoch(reader: StudyReader) -> None:
    run = run_with(study_named(reader, "wikiann-ar"), "student/1")
    curves = reader.curves(run.run_id)
    assert curves["dev_target/f1"] == points(0.51)
    assert curves["loss/main"] == ((1, 1.0), (2, 0.5), (3, 1 / 3))
    assert "best_epoch" in run.metrics
    assert curves.keys() == {"dev_target/f1", "dev_source/f1", "loss/main", "epoch"}


def test_curves_of_many_runs_equal_those_of_each(reader: StudyReader) -> None:
    runs = [run.run_id for study in reader.studies() for run in study.runs]
    assert len(runs) == 32
    together = reader.curves_of(runs)
    assert together == {run_id: reader.curves(run_id) for run_id in runs}
    chosen = reader.curves_of(runs, ["dev_target/f1"])
    assert chosen == {
        run_id: {name: curve for name, curve in curves.items() if name == "dev_target/f1"}
        for run_id, curves in together.items()
    }
    stopped = run_with(study_named(reader, "wikiann-ar"), "student/2").run_id
    assert chosen[stopped]["dev_target/f1"] == points(0.20)[:2]


def test_curves_of_runs_without_epochs_are_empty(reader: StudyReader) -> None:
    study = study_named(reader, "wikiann-ar")
    assert reader.curves(study.parent.run_id) == {}
    assert reader.curves_of([]) == {}
    assert reader.curves_of([run_with(study, "student/3").run_id]) == {run_with(study, "student/3").run_id: {}}


def test_more_runs_cost_no_more_queries(reader: StudyReader) -> None:
    runs = [run.run_id for study in reader.studies() for run in study.runs if run.phase == "final"]
    with statements() as few:
        reader.curves_of(runs[:2])
    with statements() as many:
        reader.curves_of(runs)
    assert len(runs) > 20
    assert 0 < len(many) == len(few)


def test_more_runs_than_fit_one_request(reader: StudyReader, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [run.run_id for run in study_named(reader, "wikiann-ar").runs]
    whole = reader.curves_of(runs)
    monkeypatch.setattr(history, "RUNS", 2)
    monkeypatch.setattr("msd_ray.tracking.study_reader.LISTED", 3)
    assert reader.curves_of(runs) == whole


# -- what is not there


def test_a_deleted_run_is_omitted(copied: StudyReader) -> None:
    study = study_named(copied, "wikiann-ar-ablation")
    gone = run_with(study, f"final/msd/{PAPER}/seed-3").run_id
    others = [run.run_id for run in study.runs if run.run_id != gone]
    copied._client.delete_run(gone)
    assert [run.run_id for run in study_named(copied, "wikiann-ar-ablation").runs] == others
    assert copied.curves(gone) == {}
    assert list(copied.curves_of([gone, others[0]])) == [others[0]]
    assert copied.artifact(gone, "results/predictions.parquet") is None
    copied._client.restore_run(gone)
    assert copied.curves(gone)["dev_target/f1"] == points(scored("msd", 3) + 0.02)


def test_a_deleted_study_or_experiment_is_omitted(copied: StudyReader) -> None:
    study = study_named(copied, "wikiann-ar")
    copied._client.delete_run(study.parent.run_id)
    assert "wikiann-ar" not in {study.name for study in copied.studies()}
    hindi = study_named(copied, "wikiann-hi").runs[0].run_id
    experiment = copied._client.get_experiment_by_name("msd-wikiann-hi")
    assert experiment is not None
    copied._client.delete_experiment(experiment.experiment_id)
    assert [study.name for study in copied.studies()] == ["wikiann-ar-ablation"]
    assert copied.curves(hindi) == {}


def test_a_deleted_metric_has_no_value_and_no_curve(copied: StudyReader, tmp_path: Path) -> None:
    run = run_with(study_named(copied, "wikiann-ar"), "final/best/9d41b7e3/seed-2")
    for table in ("metrics", "latest_metrics"):
        change(tmp_path, f"DELETE FROM {table} WHERE key IN ('test/f1', 'dev_target/f1') AND run_uuid = '{run.run_id}'")
    again = run_with(study_named(copied, "wikiann-ar"), "final/best/9d41b7e3/seed-2")
    assert again.metrics.get("test/f1") is again.metrics.get("dev_target/f1") is None
    assert again.metrics["test/LOC/f1"] == run.metrics["test/LOC/f1"]
    assert copied.curves(run.run_id).keys() == {"dev_source/f1", "loss/main", "epoch"}


def test_metrics_are_not_cached(copied: StudyReader, tmp_path: Path) -> None:
    run = run_with(study_named(copied, "wikiann-ar"), "final/best/9d41b7e3/seed-2")
    change(tmp_path, f"UPDATE latest_metrics SET value = 0.125 WHERE key = 'test/f1' AND run_uuid = '{run.run_id}'")
    assert run_with(study_named(copied, "wikiann-ar"), run.key).metrics["test/f1"] == 0.125


def test_an_unknown_run_id(reader: StudyReader, tmp_path: Path) -> None:
    missing = "0" * 32
    assert reader.curves(missing) == {}
    assert reader.curves_of([missing]) == {}
    assert reader.artifact(missing, "results/predictions.parquet") is None
    with pytest.raises(UserError, match=f"has no run {missing}"):
        reader.log_files(missing, tmp_path, "report")


def test_nan_is_preserved(reopen: Callable[[], StudyTracker], tracking_uri: str) -> None:
    tracker = reopen()
    run = tracker.child("student/0", name="s", parameters={}, tags={})
    tracker.log_epoch(run, epoch=1, metrics={"loss/main": math.nan}, timestamp_ms=1)
    with StudyReader.open(tracking_uri) as reader:
        ((epoch, value),) = reader.curves(run)["loss/main"]
        assert epoch == 1
        assert math.isnan(value)
        assert math.isnan(reader.studies()[0].runs[0].metrics["loss/main"])


# -- the same from a server


@pytest.mark.slow
def test_the_same_from_a_server(
    recorded_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(recorded_database, tmp_path / "mlflow.db")
    with mlflow_server(tmp_path, tmp_path / "mlflow.db") as (uri, process):
        tracker = StudyTracker.open(uri, dataset="wikiann", lang="ko", study="served", parameters={}, tags={})
        run = tracker.child("student/0", name="s", parameters={}, tags={})
        tracker.log_epoch(run, epoch=1, metrics={"loss/main": math.nan, "dev_target/f1": 0.5}, timestamp_ms=1)
        (tmp_path / "predictions.parquet").write_bytes(b"rows")
        tracker.log_file(run, tmp_path / "predictions.parquet", "results")
        with StudyReader.open(uri) as served, StudyReader.open(default_tracking_uri(tmp_path)) as local:
            assert [study.name for study in served.studies()] == ["served", *(s.name for s in local.studies()[1:])]
            assert served.studies()[1:] == local.studies()[1:]
            runs = [run.run_id for study in served.studies() for run in study.runs]
            curves = served.curves_of(runs)
            assert len(curves) == 33
            assert math.isnan(curves[run]["loss/main"][0][1])
            assert without_nan(curves) == without_nan(local.curves_of(runs))
            monkeypatch.setattr(history, "POINTS", 2)  # a server that samples longer histories
            ablation = [run.run_id for run in study_named(served, "wikiann-hi-ablation").runs]
            assert served.curves_of(ablation) == {run_id: curves[run_id] for run_id in ablation}
            copy = served.artifact(run, "results/predictions.parquet")
            assert copy is not None
            assert copy.read_bytes() == b"rows"
            assert served.artifact(run, "results/domains.safetensors") is None
            served.log_files(tracker.parent_id, copy.parent, "report")
            assert served.artifact(tracker.parent_id, "report/predictions.parquet") is not None
            served._client.delete_run(run)
            assert served.curves(run) == {}
            assert served.artifact(run, "results/predictions.parquet") is None
            process.terminate()
            process.wait(timeout=60)
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
            with pytest.raises(UserError, match="does not work"):
                served.studies()
    assert capfd.readouterr() == ("", "")


def without_nan(curves: Any) -> Any:
    return {
        run_id: {name: [point for point in curve if not math.isnan(point[1])] for name, curve in metrics.items()}
        for run_id, metrics in curves.items()
    }


def change(directory: Path, sql: str) -> None:
    with closing(sqlite3.connect(directory / "mlflow.db")) as database, database:
        database.execute(sql)


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL that SQLAlchemy sends in the meantime."""
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        sent.append(statement)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", note)
