"""Studies on a real database: proposals, restarts after kills, settings, early stopping, broken storages."""

import json
import math
import multiprocessing
import os
import random
import signal
import sqlite3
import uuid
import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
from study_driver import EPOCHS, PAPER, SPACE, TRIALS, drive, open_study, run_trial, score

from msd_ray.errors import UserError
from msd_ray.search.parameters import Fixed, Range
from msd_ray.search.studies import START_UP_TRIALS, Pruning, TrialRecord

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.studies"])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a study database of each kind; PostgreSQL's where one is named for the tests."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/studies.db"
    server = os.environ.get("MSD_RAY_TEST_POSTGRES")
    if not server:
        pytest.skip("MSD_RAY_TEST_POSTGRES names no database")
    return server


@pytest.fixture
def name() -> str:
    """Return a new study name: a PostgreSQL database outlives the test."""
    return f"student-{uuid.uuid4().hex}"


def records(url: str, **changes: Any) -> list[TrialRecord]:
    study = open_study(url, **changes)
    found = study.trials()
    study.close()
    return found


def run_killed(url: str, dies_at: int, **changes: Any) -> bool:
    """Drive the study in a process of its own that dies at a point; return whether it died before the end."""
    process = PROCESSES.Process(target=drive, args=(url, dies_at), kwargs=changes)
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


# Proposals


def test_a_study_from_its_first_trial_to_its_best(url: str, name: str) -> None:
    drive(url, name=name)
    trials = records(url, name=name)
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert trials[0].parameters == {**PAPER, "warmup": 0.1}
    assert trials[0].state == "COMPLETE"
    assert {trial.state for trial in trials} == {"COMPLETE", "PRUNED", "FAIL"}
    for trial in trials:
        assert set(trial.parameters) == set(SPACE)
        assert all(SPACE[key].contains(value) for key, value in trial.parameters.items())
        assert trial.values == {epoch: score(trial.parameters, epoch) for epoch in trial.values}
        assert (trial.reason == "loss is nan") == (trial.state == "FAIL")
        assert trial.value == (None if trial.state == "FAIL" else trial.values[max(trial.values)])
        assert (len(trial.values) == EPOCHS) == (trial.state == "COMPLETE")
    study = open_study(url, name=name)
    best = study.best()
    assert best is not None
    assert best.value == max(t.value for t in trials if t.state == "COMPLETE" and t.value is not None)
    assert study.propose() is None


@pytest.mark.slow
def test_proposals_learn(url: str, name: str) -> None:
    study = open_study(url, name=name, trials=40, pruning=None, first=[])
    for trial in iter(study.propose, None):
        assert trial is not None
        study.complete(trial.number, score(trial.parameters, EPOCHS))
    scores = [score(trial.parameters, EPOCHS) for trial in study.trials()]
    # Parameters drawn at random score 0.81 in the mean, the best possible ones 1.1.
    assert sum(scores[-10:]) / 10 > 0.95


def test_another_seed_proposes_something_else_and_the_same_seed_the_same(tmp_path: Path) -> None:
    runs = []
    for run, seed in enumerate([1, 1, 2]):
        drive(f"sqlite:///{tmp_path}/{run}.db", seed=seed, trials=7)
        runs.append([t.parameters for t in records(f"sqlite:///{tmp_path}/{run}.db", seed=seed, trials=7)])
    assert runs[0] == runs[1]
    assert runs[0][0] == runs[2][0]
    assert all(mine != other for mine, other in zip(runs[0][1:], runs[2][1:], strict=True))


def test_parallel_trials_differ(url: str, name: str) -> None:
    study = open_study(url, name=name, pruning=None, trials=20)
    for _ in range(START_UP_TRIALS + 1):
        trial = study.propose()
        assert trial is not None
        run_trial(study, trial)
    running = [study.propose() for _ in range(8)]
    seen = {json.dumps(trial.parameters, sort_keys=True) for trial in running if trial is not None}
    assert len(seen) == 8
    assert len({trial.parameters["learning_rate"] for trial in running if trial is not None}) == 8


def test_parallel_trials_of_a_new_study_differ(url: str, name: str) -> None:
    study = open_study(url, name=name, first=[])
    running = [study.propose() for _ in range(6)]
    assert len({trial.parameters["beta"] for trial in running if trial is not None}) == 6


def test_first_trials_in_order_and_what_they_leave_open_is_proposed(url: str, name: str) -> None:
    first: list[Any] = [PAPER, {"beta": 0.5, "warmup": 0.0}]
    study = open_study(url, name=name, first=first)
    trials = [study.propose() for _ in range(3)]
    assert trials[0] is not None
    assert trials[0].parameters == {**PAPER, "warmup": 0.1}
    assert trials[1] is not None
    assert trials[1].parameters.items() >= first[1].items()
    assert all(SPACE[key].contains(trials[1].parameters[key]) for key in ("learning_rate", "dropout", "teacher"))
    assert trials[2] is not None
    assert trials[2].parameters["beta"] != 0.5


def test_a_first_trial_may_lie_outside_of_the_space(url: str, name: str) -> None:
    first = [{**PAPER, "learning_rate": 0.5, "teacher": 9}]
    drive(url, name=name, first=first, trials=8)
    trials = records(url, name=name, first=first, trials=8)
    assert trials[0].parameters == {**first[0], "warmup": 0.1}
    assert all(SPACE["teacher"].contains(trial.parameters["teacher"]) for trial in trials[1:])
    stored = optuna.load_study(study_name=name, storage=url).trials[0]
    assert set(stored.params) == {"beta", "dropout"}


@pytest.mark.parametrize(("first", "expected"), [([], 1), ([{"beta": 1.0}], 1), ([{"beta": 2.0}], 2)])
def test_a_space_without_search_is_tried_once(url: str, name: str, first: list[Any], expected: int) -> None:
    study = open_study(url, name=name, space={"beta": Fixed(value=1.0)}, first=first, trials=5)
    trials = [trial for trial in iter(study.propose, None) if trial is not None]
    assert len(trials) == expected
    assert trials[0].parameters == (first[0] if first else {"beta": 1.0})
    assert trials[-1].parameters == {"beta": 1.0}


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    with pytest.raises(ValueError, match="at least one trial"):
        open_study(url, trials=0)
    with pytest.raises(ValueError, match=r"unknown parameters \['gamma'\]"):
        open_study(url, first=[{"gamma": 1}])
    with pytest.raises(ValueError, match=r"own keys \['seed'\]"):
        open_study(url, settings={"seed": 1})
    assert not (tmp_path / "studies.db").exists()


# Restarts


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[TrialRecord]:
    """Return the trials of a run that nothing disturbed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/studies.db"
    drive(url)
    return records(url)


def assert_equals_undisturbed(url: str, name: str, undisturbed: list[TrialRecord]) -> None:
    """Check the study's records and also what Optuna's own tools see."""
    trials = records(url, name=name)
    assert trials == undisturbed
    for stored in optuna.load_study(study_name=name, storage=url).trials:
        expected = undisturbed[stored.number].parameters
        assert stored.params == {key: expected[key] for key in SPACE if key != "warmup"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_anywhere_and_started_again_equals_an_undisturbed_run(
    url: str, name: str, seed: int, undisturbed: list[TrialRecord]
) -> None:
    rng = random.Random(seed)
    kills = sum(run_killed(url, rng.randint(1, 600), name=name) for _ in range(8))
    assert kills >= 3
    drive(url, name=name)
    assert_equals_undisturbed(url, name, undisturbed)


@pytest.mark.parametrize(
    ("dies_at", "statement", "parameters", "attributes"),
    [
        (2, "INSERT INTO trials", 0, 0),  # so the second trial does not exist
        (2, "INSERT INTO trial_user_attributes", 0, 0),
        (7, "INSERT INTO trial_params", 2, 1),
        (2, "UPDATE trials SET state", 4, 1),
    ],
)
def test_killed_between_a_trial_and_its_parameters(
    name: str,
    tmp_path: Path,
    undisturbed: list[TrialRecord],
    dies_at: int,
    statement: str,
    parameters: int,
    attributes: int,
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    assert run_killed(url, dies_at, statement=statement, name=name, trials=7)
    last = optuna.load_study(study_name=name, storage=url).trials[-1]
    if last.number == 1:
        assert last.state.name == "RUNNING"
        assert (len(last.params), len(last.user_attrs)) == (parameters, attributes)
    else:
        assert statement == "INSERT INTO trials"
    drive(url, name=name, trials=7)
    assert_equals_undisturbed(url, name, undisturbed[:7])


@pytest.mark.parametrize("dies_at", [3, 40, 80, 120])
def test_killed_while_the_database_is_made(
    name: str, tmp_path: Path, dies_at: int, undisturbed: list[TrialRecord]
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    assert run_killed(url, dies_at, name=name, trials=2)
    drive(url, name=name, trials=2)
    assert_equals_undisturbed(url, name, undisturbed[:2])


def test_parallel_trials_left_behind_come_back_once_with_their_parameters(url: str, name: str) -> None:
    study = open_study(url, name=name)
    left = [study.propose() for _ in range(4)]
    study.report(2, 1, 0.5)
    study.complete(1, 0.9)
    study.close()

    again = open_study(url, name=name)
    back = [again.propose() for _ in range(4)]
    assert [trial.number for trial in back if trial is not None] == [0, 2, 3, 4]
    assert [t.parameters for t in back[:3] if t is not None] == [left[i].parameters for i in (0, 2, 3)]  # type: ignore[union-attr]
    assert back[1] is not None
    assert back[1].values == {1: 0.5}


def test_a_trial_that_someone_enqueued_is_run(url: str, name: str) -> None:
    open_study(url, name=name).close()
    optuna.load_study(study_name=name, storage=url).enqueue_trial({"beta": 0.123, "unknown": 1})
    trial = open_study(url, name=name).propose()
    assert trial is not None
    assert (trial.number, trial.state) == (0, "RUNNING")
    assert trial.parameters["beta"] == 0.123
    assert set(trial.parameters) == set(SPACE)


def test_more_trials_extend_and_fewer_run_nothing(url: str, name: str, undisturbed: list[TrialRecord]) -> None:
    drive(url, name=name, trials=6)
    assert records(url, name=name) == undisturbed[:6]
    drive(url, name=name, trials=3)
    assert len(records(url, name=name)) == 6
    drive(url, name=name)
    assert_equals_undisturbed(url, name, undisturbed)


# Reports and results


def test_everything_may_be_told_twice(url: str, name: str) -> None:
    study = open_study(url, name=name)
    for _ in range(3):
        study.propose()
    study.report(0, 1, 0.5)
    study.report(0, 1, 0.7)
    study.set_attribute(0, "run", {"id": "abc"})
    for _ in range(2):
        study.complete(0, 0.5)
        study.prune(1, 0.4)
        study.fail(2, "out of memory")
        study.set_attribute(0, "run", {"id": "abc"})
        study.report(0, 1, 0.5)
    states = [(t.state, t.value, t.values, t.attributes, t.reason) for t in study.trials()]
    assert states == [
        ("COMPLETE", 0.5, {1: 0.5}, {"run": {"id": "abc"}}, None),
        ("PRUNED", 0.4, {}, {}, None),
        ("FAIL", None, {}, {}, "out of memory"),
    ]


def test_contradictions_are_refused(url: str, name: str) -> None:
    study = open_study(url, name=name)
    study.propose()
    study.complete(0, 0.5)
    with pytest.raises(ValueError, match=r"already COMPLETE with value 0\.5"):
        study.complete(0, 0.6)
    with pytest.raises(ValueError, match="already COMPLETE"):
        study.prune(0, 0.5)
    with pytest.raises(ValueError, match="already COMPLETE"):
        study.fail(0, "late")
    with pytest.raises(ValueError, match="already COMPLETE"):
        study.report(0, 1, 0.5)
    with pytest.raises(ValueError, match="already COMPLETE"):
        study.set_attribute(0, "run", "abc")
    with pytest.raises(ValueError, match="study's own"):
        study.set_attribute(0, "configuration", {})
    with pytest.raises(KeyError):
        study.report(17, 1, 0.5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused_and_change_nothing(url: str, name: str, value: float) -> None:
    study = open_study(url, name=name)
    before = study.propose()
    with pytest.raises(ValueError, match="finite"):
        study.report(0, 1, value)
    with pytest.raises(ValueError, match="finite"):
        study.complete(0, value)
    with pytest.raises(ValueError, match="finite"):
        study.prune(0, value)
    assert study.trials() == [before]


def test_early_stopping_compares_with_all_other_trials_at_the_rung(url: str, name: str) -> None:
    study = open_study(url, name=name, pruning=Pruning(epochs=9, grace=1, reduction=3))
    for _ in range(4):
        study.propose()
    with pytest.raises(ValueError, match="trial 0 has not reported epoch 1"):
        study.should_stop(0, 1)
    study.report(0, 1, 0.3)
    assert not study.should_stop(0, 1)  # no peers
    study.report(1, 1, 0.9)
    study.fail(1, "broken")  # a failed trial's values count
    study.report(2, 1, 0.5)
    assert study.should_stop(2, 1)  # below the two-thirds quantile of 0.3 and 0.9: 0.7
    study.report(3, 1, 0.8)
    assert not study.should_stop(3, 1)
    study.report(3, 2, 0.0)
    assert not study.should_stop(3, 2)  # no rung
    study.close()
    assert open_study(url, name=name, pruning=Pruning(epochs=9, grace=1, reduction=3)).should_stop(2, 1)


def test_without_pruning_nothing_stops(url: str, name: str) -> None:
    study = open_study(url, name=name, pruning=None)
    for number, value in enumerate([0.9, 0.1]):
        study.propose()
        study.report(number, 1, value)
    assert not study.should_stop(1, 1)


def test_best_is_the_first_of_equals_and_never_a_pruned_one(url: str, name: str) -> None:
    study = open_study(url, name=name)
    assert study.best() is None
    for _ in range(4):
        study.propose()
    study.prune(0, 0.9)
    study.complete(1, 0.4)
    study.complete(2, 0.6)
    study.complete(3, 0.6)
    best = study.best()
    assert best is not None
    assert best.number == 2


def test_a_reader_does_not_break_the_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    study = open_study(url)
    study.propose()
    reader = optuna.load_study(study_name="student", storage=url)
    with sqlite3.connect(tmp_path / "studies.db", isolation_level=None) as connection:
        for epoch in range(1, 4):
            connection.execute("BEGIN")
            cursor = connection.execute("SELECT * FROM trials")
            cursor.fetchone()
            connection.execute("COMMIT")
            study.report(0, epoch, 0.5)
            assert reader.trials[0].intermediate_values[epoch] == 0.5
    connection.close()


# Settings and storages


def test_other_settings_are_refused_and_each_difference_is_named(url: str, name: str) -> None:
    open_study(url, name=name).close()
    space = {**SPACE, "beta": Range(low=0.1, high=10, log=True)}
    settings = {"epochs": 5, "data": {"digest": "abc", "limit": 100}, "encoder": "e5-small"}
    with pytest.raises(UserError) as caught:
        open_study(url, name=name, space=space, settings=settings, seed=8, pruning=None)
    lines = str(caught.value).splitlines()
    assert f"study `{name}`" in lines[0]
    assert [line.strip() for line in lines[1:-1]] == [
        "data.limit: None there, 100 here",
        "encoder: nothing there, 'e5-small' here",
        "epochs: 3 there, 5 here",
        "pruning: nothing there, None here",
        "pruning.epochs: 3 there, nothing here",
        "pruning.grace: 1 there, nothing here",
        "pruning.reduction: 2 there, nothing here",
        "seed: 7 there, 8 here",
        "space.beta.low: 0.01 there, 0.1 here",
    ]
    assert "same settings" in lines[-1]
    assert "--name" in lines[-1]
    assert records(url, name=name) == []


def test_a_study_of_another_program_is_refused(url: str, name: str) -> None:
    optuna.create_study(study_name=name, storage=url, direction="maximize").optimize(lambda _: 1.0, n_trials=1)
    with pytest.raises(UserError, match="was made by another program; choose another --name"):
        open_study(url, name=name)


def test_studies_in_one_database_do_not_meet(url: str, name: str) -> None:
    drive(url, name=name, trials=3)
    other = open_study(url, name=f"{name}-other", trials=2, seed=8)
    assert other.trials() == []
    trial = other.propose()
    assert trial is not None
    assert trial.number == 0


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unable to open database file; check that its directory exists"):
        open_study(f"sqlite:///{tmp_path}/missing/studies.db")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_text("no database at all\n" * 100)
    with pytest.raises(UserError, match="file is not a database"):
        open_study(f"sqlite:///{tmp_path}/studies.db")
    assert (tmp_path / "studies.db").read_text() == "no database at all\n" * 100


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE experiments (id INTEGER)")
    connection.close()
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(UserError, match=r"holds another program's tables \(experiments, ...\)"):
        open_study(f"sqlite:///{tmp_path}/mlflow.db")
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_a_read_only_database(tmp_path: Path) -> None:
    open_study(f"sqlite:///{tmp_path}/studies.db").close()
    with pytest.raises(UserError, match="attempt to write a readonly database"):
        open_study(f"sqlite:///file:{tmp_path}/studies.db?mode=ro&uri=true")


def test_a_database_that_vanishes_under_way(tmp_path: Path) -> None:
    study = open_study(f"sqlite:///{tmp_path}/studies.db")
    study.propose()
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("DROP TABLE trial_intermediate_values")
    connection.close()
    with pytest.raises(UserError, match=r"cannot use the study storage .*no such table"):
        study.report(0, 1, 0.5)


def test_an_odd_path_is_taken_as_it_is(tmp_path: Path) -> None:
    open_study(f"sqlite:///{tmp_path}/a {{b}}.db").close()
    assert (tmp_path / "a {b}.db").exists()


def test_an_unreachable_server_is_named_without_the_password() -> None:
    with pytest.raises(UserError) as caught:
        open_study("postgresql://me:secret@127.0.0.1:1/studies")
    assert "127.0.0.1:1/studies" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["studies.db", "bogus://host/db", ""])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(UserError, match=r"cannot use the study storage .*give sqlite:///FILE or postgresql://"):
        open_study(url)


def test_optuna_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        drive(f"sqlite:///{tmp_path}/studies.db", trials=8)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
