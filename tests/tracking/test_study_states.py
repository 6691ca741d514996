"""States of studies and weights in use, as read by `msd_ray.storage`."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from ended_search import STUDY, conclude, listed
from ended_search import ended as ended
from ended_search import new_process as new_process
from ended_search import search as search
from mlflow.tracking import MlflowClient
from small_search import SmallSearch

from msd_ray.cli.search_study import open_tracker
from msd_ray.storage.__main__ import main
from msd_ray.tracking.uri import default_tracking_uri


def test_the_winner_is_independent_of_its_registered_version(
    search: SmallSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command exports it again."""
    client = MlflowClient(default_tracking_uri(search.root))
    for version in client.search_model_versions("name = 'msd-wikiann-ar'"):
        client.delete_model_version("msd-wikiann-ar", version.version)
    assert f"the winner of {STUDY} depends on it" in listed(search.root, capsys).values()
    assert main(["prune", "--storage", str(search.root), "--delete"]) == 0
    shutil.rmtree(search.root / "models")
    conclude(search)
    assert (search.root / "models" / STUDY).is_dir()


def test_a_study_without_a_student_has_ended(search: SmallSearch, capsys: pytest.CaptureFixture[str]) -> None:
    open_tracker(search.setup()).close("FAIL")
    assert None in listed(search.root, capsys).values()


def test_foreign_runs_in_an_experiment_are_ignored(search: SmallSearch, capsys: pytest.CaptureFixture[str]) -> None:
    before = listed(search.root, capsys)
    client = MlflowClient(default_tracking_uri(search.root))
    experiment = client.get_experiment_by_name("msd-wikiann-ar")
    assert experiment is not None
    (parent,) = client.search_runs([experiment.experiment_id], "tags.kind = 'study'")
    configuration = parent.data.tags.get("configuration.best") or parent.data.tags["configuration.paper"]
    final = {"phase": "final", "row": "best", "configuration": configuration, "mlflow.parentRunId": parent.info.run_id}
    for tags in ({"kind": "study"}, {"phase": "final"}, final, {**final, "key": "final/own"}):
        run = client.create_run(experiment.experiment_id, tags=tags)
        if "key" not in tags:
            client.log_metric(run.info.run_id, "dev_target/f1", 1.0)
    assert listed(search.root, capsys) == before


@pytest.mark.parametrize("run_id", ["0" * 32, "no id", None])
def test_a_champion_with_a_deleted_run_needs_no_weights(
    search: SmallSearch, capsys: pytest.CaptureFixture[str], run_id: str | None
) -> None:
    with closing(sqlite3.connect(search.root / "mlflow.db")) as database, database:
        database.execute("UPDATE model_versions SET run_id = ?", [run_id])
    assert f"the winner of {STUDY} depends on it" in listed(search.root, capsys).values()
