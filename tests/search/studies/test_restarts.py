"""Restarts after kills: numbers, parameters, states and values equal those of an undisturbed run."""

import multiprocessing
import random
import signal
from pathlib import Path
from typing import Any

import optuna
import pytest
from study_driver import SPACE, drive, open_study, records

from msd_ray.search.studies import TrialRecord

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.studies"])


def run_killed(url: str, dies_at: int, **changes: Any) -> bool:
    """Drive the study in a process of its own that dies at a point; return whether it died before the end."""
    process = PROCESSES.Process(target=drive, args=(url, dies_at), kwargs=changes)
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def assert_equals_undisturbed(url: str, name: str, undisturbed: list[TrialRecord]) -> None:
    """Check the study's records and also what Optuna's own tools see."""
    trials = records(url, name=name)
    assert trials == undisturbed
    for stored in optuna.load_study(study_name=name, storage=url).trials:
        expected = undisturbed[stored.number].parameters
        assert stored.params == {key: expected[key] for key in SPACE if key != "warmup"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_restarts_after_kills_equal_an_undisturbed_run(
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
def test_killed_while_the_database_is_created(
    name: str, tmp_path: Path, dies_at: int, undisturbed: list[TrialRecord]
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    assert run_killed(url, dies_at, name=name, trials=2)
    drive(url, name=name, trials=2)
    assert_equals_undisturbed(url, name, undisturbed[:2])


def test_unfinished_parallel_trials_are_resumed_once_with_their_parameters(url: str, name: str) -> None:
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


def test_an_enqueued_trial_is_run(url: str, name: str) -> None:
    open_study(url, name=name).close()
    optuna.load_study(study_name=name, storage=url).enqueue_trial({"beta": 0.123, "unknown": 1})
    trial = open_study(url, name=name).propose()
    assert trial is not None
    assert (trial.number, trial.state) == (0, "RUNNING")
    assert trial.parameters["beta"] == 0.123
    assert set(trial.parameters) == set(SPACE)


def test_more_trials_extend_a_study_and_fewer_run_none(url: str, name: str, undisturbed: list[TrialRecord]) -> None:
    drive(url, name=name, trials=6)
    assert records(url, name=name) == undisturbed[:6]
    drive(url, name=name, trials=3)
    assert len(records(url, name=name)) == 6
    drive(url, name=name)
    assert_equals_undisturbed(url, name, undisturbed)
