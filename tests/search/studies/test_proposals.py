"""Proposals: first trials, seeds, parallel trials, and learning."""

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from study_driver import EPOCHS, PAPER, SPACE, TRIALS, drive, open_study, records, run_trial, score

from msd_ray.search.parameters import Fixed
from msd_ray.search.studies import START_UP_TRIALS


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


def test_proposals_depend_on_the_seed(tmp_path: Path) -> None:
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


def test_first_trials_come_in_order_and_their_other_parameters_are_proposed(url: str, name: str) -> None:
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


def test_a_first_trial_may_be_outside_of_the_space(url: str, name: str) -> None:
    first = [{**PAPER, "learning_rate": 0.5, "teacher": 9}]
    drive(url, name=name, first=first, trials=8)
    trials = records(url, name=name, first=first, trials=8)
    assert trials[0].parameters == {**first[0], "warmup": 0.1}
    assert all(SPACE["teacher"].contains(trial.parameters["teacher"]) for trial in trials[1:])
    stored = optuna.load_study(study_name=name, storage=url).trials[0]
    assert set(stored.params) == {"beta", "dropout"}


@pytest.mark.parametrize(("first", "expected"), [([], 1), ([{"beta": 1.0}], 1), ([{"beta": 2.0}], 2)])
def test_a_space_of_fixed_parameters_is_one_point(url: str, name: str, first: list[Any], expected: int) -> None:
    study = open_study(url, name=name, space={"beta": Fixed(value=1.0)}, first=first, trials=5)
    trials = [trial for trial in iter(study.propose, None) if trial is not None]
    assert len(trials) == expected
    assert trials[0].parameters == (first[0] if first else {"beta": 1.0})
    assert trials[-1].parameters == {"beta": 1.0}


def test_invalid_arguments(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    with pytest.raises(ValueError, match="at least one trial"):
        open_study(url, trials=0)
    with pytest.raises(ValueError, match=r"unknown parameters \['gamma'\]"):
        open_study(url, first=[{"gamma": 1}])
    with pytest.raises(ValueError, match=r"own keys \['seed'\]"):
        open_study(url, settings={"seed": 1})
    assert not (tmp_path / "studies.db").exists()
