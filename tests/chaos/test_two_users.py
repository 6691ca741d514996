"""Two users search on one cluster at the same time, with one PostgreSQL for both their studies and their MLflow."""

import json
from pathlib import Path

import pytest
from databases import copy_database
from disturbed_search import DisturbedSearch, Place
from fault_table import Note
from optuna.storages import RDBStorage
from postgres_server import require_postgres, running_postgres
from small_search import MakeSearch, SmallSearch
from stored_runs import parents, runs, trials
from three_nodes import three_nodes

pytestmark = [pytest.mark.chaos, pytest.mark.slow("two searches on a cluster of its own"), pytest.mark.timeout(7200)]

WAIT_S = 3000  # where others keep the processors busy
USERS = ("ada", "emmy")
FIRST_WEIGHTS = "weights/epoch-001.safetensors"
FIRST = Place(training=0, epoch=1)
RESERVED_BY_A_TRIAL = 2
"""Placement groups: of its process, and of its worker."""


def trained(storage: Path) -> dict[str, object]:
    """Every teacher and student by its key: the hash of its first epoch's weights.

    A pruned one may have trained another epoch before it was stopped; scores of all epochs are in the study.
    """
    records = [path for kind in ("teachers", "students") for path in (storage / kind).glob("*/record.json")]
    return {
        f"{path.parent.parent.name}/{path.parent.name}": json.loads(path.read_text())["files"].get(FIRST_WEIGHTS)
        for path in records
    }


def outcomes(storage: Path, study: str) -> list[tuple[object, ...]]:
    """Phase, number, state, parameters and values of the trials of one study."""
    found = [trial for trial in trials(storage) if trial.study.partition("/")[0] == study]
    return [(trial.study.partition("/")[2], trial.number, trial.state, trial.value, trial.epochs) for trial in found]


def test_two_users_share_one_cpu_and_two_databases(
    new_search: MakeSearch, undisturbed: SmallSearch, note: Note, tmp_path_factory: pytest.TempPathFactory
) -> None:
    require_postgres()
    with (
        three_nodes(tmp_path_factory.mktemp("cluster"), besides_head=1) as cluster,
        running_postgres() as server,
    ):
        options = {
            "max_concurrent": 1,
            "workers": 1,
            "study_storage": server.url("studies"),
            "mlflow_uri": server.url("mlflow"),
        }
        ada, emmy = (
            DisturbedSearch(
                search=new_search(options={**options, "name": user}),
                places=(FIRST,),
                environment=cluster.environment,
            )
            for user in USERS
        )
        with ada.start() as first:
            ada.wait_at(first, FIRST)
            with emmy.start() as second:
                # She waits for the only CPU, and gets it when a trial of the other search ends.
                second.wait_until(lambda: cluster.state().groups == len(USERS) * RESERVED_BY_A_TRIAL)
                ada.go_on(FIRST)
                emmy.wait_at(second, FIRST)
                assert first.process.poll() is None, first.output
                first.process.kill()
                first.process.wait()
                emmy.go_on(FIRST)
                with ada.start() as again:
                    assert again.wait(WAIT_S) == 0, again.output
                    assert second.wait(WAIT_S) == 0, second.output
        for output in (again.output, second.output):
            assert "attempt failed" not in output, output
            assert "Traceback" not in output, output
        both = new_search().root
        RDBStorage(f"sqlite:///{both / 'studies.db'}").engine.dispose()
        for name, file in (("studies", "studies.db"), ("mlflow", "mlflow.db")):
            copy_database(server.url(name), both / file)
    expected = outcomes(undisturbed.root, "wikiann-ar")
    for user, search in zip(USERS, (ada, emmy), strict=True):
        assert outcomes(both, user) == expected, user
        assert trained(search.storage) == trained(undisturbed.root), user
    assert sorted(parent.status for parent in parents(both)) == ["FINISHED"] * 2
    assert len(runs(both)) == 2 * len(runs(undisturbed.root))
    note(
        "two users' searches on one CPU, with one PostgreSQL and MLflow; one driver killed and started again",
        "trials take turns; each has the trials, runs and weights that it has alone",
        None,
    )
