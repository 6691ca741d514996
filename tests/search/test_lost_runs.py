"""Runs that were deleted in MLflow, with their study or their database: they are restored, or recorded again."""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from small_search import SmallSearch, run_here
from stored_runs import assert_same_outcome, assert_settled, children, parents, query, trials

from msd_ray.report.study_result import load_study
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport
from msd_ray.tracking.uri import default_tracking_uri


@pytest.fixture
def search(undisturbed: SmallSearch, tmp_path: Path) -> SmallSearch:
    """A copy of a search that ended well."""
    shutil.copytree(undisturbed.root, tmp_path / "storage")
    return replace(undisturbed, root=tmp_path / "storage")


def client_of(search: SmallSearch) -> MlflowClient:
    return MlflowClient(tracking_uri=default_tracking_uri(search.root))


def run_ids(search: SmallSearch, *keys: str) -> list[str]:
    """Run ids by the keys' beginnings: one for each."""
    rows = query(search.root / "mlflow.db", "SELECT run_uuid, value FROM tags WHERE key = 'key' ORDER BY value")
    return [next(run for run, key in rows if key.startswith(start)) for start in keys]


def parent_id(search: SmallSearch) -> str:
    ((found,),) = query(search.root / "mlflow.db", "SELECT run_uuid FROM tags WHERE key = 'kind' AND value = 'study'")
    return str(found)


def purge(search: SmallSearch, runs: Iterable[str]) -> None:
    """Remove runs for good, as `mlflow gc` does."""
    with closing(sqlite3.connect(search.root / "mlflow.db")) as database:
        for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
            database.executemany(f"DELETE FROM {table} WHERE run_uuid = ?", [(run,) for run in runs])
        database.commit()


def resumed(search: SmallSearch) -> tuple[str, list[str]]:
    """Run it to its end: what it printed, and the phases of the trials that reported something."""
    heard: list[str] = []

    def hear(phase: Phase, report: TrialReport) -> None:
        heard.append(f"{phase.name}/{report.number}")

    output = StringIO()
    search.run(lambda phase: run_here(phase, before=hear), output=output)
    return output.getvalue(), sorted(set(heard))


def assert_table(search: SmallSearch, undisturbed: SmallSearch) -> None:
    """The table is that of the search that nothing disturbed."""
    found, expected = (load_study("wikiann-ar", storage=one.root) for one in (search, undisturbed))
    assert [(row.name, row.seeds, row.failed, row.test_by_seed) for row in found.rows] == [
        (row.name, row.seeds, row.failed, row.test_by_seed) for row in expected.rows
    ]


def test_deleted_runs_and_a_deleted_study_are_restored(search: SmallSearch, undisturbed: SmallSearch) -> None:
    client, before = client_of(search), parent_id(search)
    for run in (*run_ids(search, "final/best/", "student/1", "teacher/0"), before):
        client.delete_run(run)
    output, ran = resumed(search)
    assert "deleted runs were restored in MLflow: teacher/0, student/1, final/best/" in output
    assert ran == []
    assert parent_id(search) == before
    assert_same_outcome(search.root, undisturbed.root)
    assert_table(search, undisturbed)


def weights(search: SmallSearch) -> dict[Path, int]:
    """Files of weights, and when they were written."""
    return {path: path.stat().st_mtime_ns for path in search.root.glob("[st]*/*/weights/*.safetensors")}


def test_removed_runs_are_recorded_again(search: SmallSearch, undisturbed: SmallSearch) -> None:
    """A final run is scored again from the stored weights; of a trial the study has the scores."""
    pruned = next(key for key, run in children(search.root).items() if run.tags["state"] == "PRUNED")
    purge(search, run_ids(search, "final/best/", "final/paper/", "student/0", pruned, "teacher/0"))
    stored = weights(search)
    output, ran = resumed(search)
    assert "MLflow lacks runs of this study; they are recorded again: teacher/0, " in output
    assert len(ran) == 2
    assert all(trial.startswith("final/") for trial in ran)
    assert weights(search) == stored, "nothing was trained"
    assert trials(search.root) == trials(undisturbed.root)
    assert_settled(search.root)
    found, expected = children(search.root), children(undisturbed.root)
    assert found.keys() == expected.keys()
    for key, run in found.items():
        assert run.parameters == expected[key].parameters, key
        assert (run.tags["state"], run.tags.get("reason")) == (
            expected[key].tags["state"],
            expected[key].tags.get("reason"),
        ), key
        assert run.metrics["dev_target/f1"] == expected[key].metrics["dev_target/f1"], key
        if key.startswith("final/"):
            assert run.scores == expected[key].scores, key
            assert run.tags["weights_sha256"] == expected[key].tags["weights_sha256"], key
    assert_table(search, undisturbed)
    output, ran = resumed(search)
    assert "recorded again" not in output
    assert ran == []


def test_a_study_and_a_database_that_are_gone_are_recorded_again(
    search: SmallSearch, undisturbed: SmallSearch, empty_databases: Path
) -> None:
    purge(search, [parent_id(search)])
    resumed(search)
    assert_table(search, undisturbed)
    shutil.copy(empty_databases / "mlflow.db", search.root / "mlflow.db")
    resumed(search)
    assert len(parents(search.root)) == 1
    assert_settled(search.root)
    assert children(search.root).keys() == children(undisturbed.root).keys()
    assert_table(search, undisturbed)


def test_a_renamed_experiment_is_found(search: SmallSearch, undisturbed: SmallSearch) -> None:
    client = client_of(search)
    experiment = client.get_experiment_by_name("msd-wikiann-ar")
    assert experiment is not None
    client.rename_experiment(experiment.experiment_id, "our Arabic taggers")
    assert resumed(search)[1] == []
    assert client.get_experiment_by_name("msd-wikiann-ar") is None
    assert_same_outcome(search.root, undisturbed.root)
    assert_table(search, undisturbed)


def test_a_run_that_was_recorded_again_and_then_restored_counts_once(
    search: SmallSearch, undisturbed: SmallSearch
) -> None:
    client = client_of(search)
    (run,) = run_ids(search, "final/best/")
    tags = client.get_run(run).data.tags
    client.set_tag(run, "key", "elsewhere")  # so that it is not found, and recorded again
    client.delete_run(run)
    resumed(search)
    client.restore_run(run)
    client.set_tag(run, "key", tags["key"])
    resumed(search)
    assert len(query(search.root / "mlflow.db", f"SELECT * FROM tags WHERE value = '{tags['key']}'")) == 2
    assert_table(search, undisturbed)
