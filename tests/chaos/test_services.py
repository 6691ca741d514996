"""The servers that a search talks to: MLflow killed, PostgreSQL restarted, the object store in trouble.

Where in the search that happens, the seed decides.
"""

import random
import time
from pathlib import Path

import pytest
from databases import copy_database
from disturbed_search import Disturb, DisturbedSearch, Place, wait_for
from fault_table import Note
from mlflow_server import MlflowServer
from optuna.storages import RDBStorage
from places import FINAL_STUDENT, FINAL_TEACHER, full, somewhere
from postgres_server import require_postgres, running_postgres
from s3_server import BUCKET, front_of
from small_search import MakeSearch, SmallSearch
from stored_runs import assert_same_outcome, assert_settled
from three_nodes import ThreeNodes

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7200)]

WAIT_S = 3000  # where others keep the processors busy
SAME = "training went on; same trials, runs and weights"


def test_mlflow_server_is_killed(
    disturb: Disturb, cluster: ThreeNodes, undisturbed: SmallSearch, dice: random.Random, note: Note, tmp_path: Path
) -> None:
    """Records wait on disk from one phase into the next."""
    killed = somewhere(dice, undisturbed, dice.choice(full(undisturbed, "student")))
    started = somewhere(dice, undisturbed, dice.choice([FINAL_TEACHER, FINAL_STUDENT]))
    search = disturb(killed, started, workers=0)
    server = MlflowServer(tmp_path, search.storage / "mlflow.db")
    try:
        server.start()
        with search.start("--mlflow-uri", server.uri) as tune:
            search.wait_at(tune, killed)
            server.kill()
            search.go_on(killed)
            search.wait_at(tune, started)
            assert "MLflow is available again" not in tune.output
            (journal,) = (search.storage / "records").glob("*.jsonl")
            assert journal.read_text().count("\n") > 1
            server.start()
            again = time.monotonic()
            tune.wait_until(lambda: "MLflow is available again" in tune.output)
            seconds = time.monotonic() - again
            search.go_on(started)
            assert tune.wait(WAIT_S) == 0, tune.output
        assert not journal.exists()
    finally:
        server.stop()
    assert "Traceback" not in tune.output, tune.output
    assert_settled(search.storage)
    assert_same_outcome(search.storage, undisturbed.root)
    cluster.assert_free()
    note("MLflow server killed in one phase, started again in the next", SAME, seconds)


def test_postgresql_is_restarted(
    disturb: Disturb, cluster: ThreeNodes, undisturbed: SmallSearch, dice: random.Random, note: Note
) -> None:
    """With Optuna's studies and MLflow's runs in it, while a trial's report is on its way."""
    require_postgres()
    place = somewhere(dice, undisturbed, dice.choice(full(undisturbed, "student")))
    search = disturb(place, workers=0)
    with running_postgres() as server:
        databases = ("--study-storage", server.url("studies"), "--mlflow-uri", server.url("mlflow"))
        with search.start(*databases) as tune:
            search.wait_at(tune, place)
            server.crash()
            struck = time.monotonic()
            search.go_on(place)
            tune.wait_until(lambda: "Waiting for it, at most 300 s" in tune.output)
            server.start_again()
            tune.wait_until(lambda: "the study storage is available again" in tune.output)
            seconds = time.monotonic() - struck
            assert tune.wait(WAIT_S) == 0, tune.output
        assert "Traceback" not in tune.output, tune.output
        RDBStorage(f"sqlite:///{search.storage / 'studies.db'}").engine.dispose()
        for name, file in (("studies", "studies.db"), ("mlflow", "mlflow.db")):
            copy_database(server.url(name), search.storage / file)
    assert_settled(search.storage)
    assert_same_outcome(search.storage, undisturbed.root)
    cluster.assert_free()
    note("PostgreSQL crashed and was started again, with Optuna's and MLflow's tables", SAME, seconds)


def test_object_store_in_trouble(
    new_search: MakeSearch,
    cluster: ThreeNodes,
    undisturbed: SmallSearch,
    dice: random.Random,
    note: Note,
    s3_endpoint: str,
) -> None:
    """The first uploads of an epoch are answered 500, then the server has recovered."""
    training = dice.choice(full(undisturbed, "student"))
    struck, next_epoch = Place(training=training, epoch=1), Place(training=training, epoch=2)
    answers = dice.randint(2, 4)
    with front_of(s3_endpoint) as front:
        search = new_search(options={"max_concurrent": 1, "workers": 0})
        disturbed = DisturbedSearch(
            search=search,
            places=(struck, next_epoch),
            environment={**cluster.environment, "AWS_ENDPOINT_URL": front.address},
        )
        cluster.show_places(disturbed.chaos)
        places = {
            "--storage": f"s3://{BUCKET}/{search.root.parent.name}",
            "--study-storage": f"sqlite:///{search.root / 'studies.db'}",
            "--mlflow-uri": f"sqlite:///{search.root / 'mlflow.db'}",
        }
        with disturbed.start(*(word for pair in places.items() for word in pair)) as tune:
            disturbed.wait_at(tune, struck)
            before = front.answered
            front.answer(*[500] * answers)
            at = time.monotonic()
            disturbed.go_on(struck)
            wait_for(lambda: front.answered == before + answers, "the refused requests")
            disturbed.wait_at(tune, next_epoch)
            seconds = time.monotonic() - at
            disturbed.go_on(next_epoch)
            assert tune.wait(WAIT_S) == 0, tune.output
    assert "attempt failed" not in tune.output, tune.output
    assert_settled(search.root)
    assert_same_outcome(search.root, undisturbed.root)
    cluster.assert_free()
    note("S3 server answers 500 to some requests in a row, then recovers", "repeated; " + SAME, seconds)
