"""Retries of failed trials: new trials with the same parameters and the number of the failed one."""

from typing import Any

import optuna
from study_driver import PAPER, open_study

from msd_ray.search.studies import PhaseStudy, TrialRecord


def propose(study: PhaseStudy) -> TrialRecord:
    trial = study.propose()
    assert trial is not None
    return trial


def fill(study: PhaseStudy, *outcomes: float | None) -> None:
    for outcome in outcomes:
        number = propose(study).number
        if outcome is None:
            study.fail(number, "out of memory")
        else:
            study.complete(number, outcome)


def test_a_retry_has_the_parameters_of_the_failed_trial(url: str, name: str) -> None:
    study = open_study(url, name=name, trials=4)
    fill(study, 0.5, None, 0.4, None)
    assert (study.limit, study.propose()) == (4, None)
    assert study.retry_failed() == 2
    assert study.limit == 6
    retries = [propose(study), propose(study)]
    assert study.propose() is None
    failed = [study.trials()[number] for number in (1, 3)]
    assert [(trial.number, trial.retry_of, trial.original) for trial in retries] == [(4, 1, 1), (5, 3, 3)]
    assert [trial.parameters for trial in retries] == [trial.parameters for trial in failed]
    assert [(trial.state, trial.reason) for trial in failed] == [("FAIL", "out of memory")] * 2
    study.complete(4, 0.9)
    best = study.best()
    assert best is not None
    assert best.number == 4
    stored = optuna.load_study(study_name=name, storage=url).trials
    assert stored[4].params == stored[1].params
    assert stored[4].user_attrs["retry_of"] == 1
    assert stored[1].state.name == "FAIL"


def test_only_trials_without_a_successful_retry_are_retried(url: str, name: str) -> None:
    study = open_study(url, name=name, trials=3)
    fill(study, None, None, 0.3)
    study.retry_failed()
    fill(study, 0.5, None)
    assert study.retry_failed() == 1
    third = propose(study)
    assert (third.number, third.retry_of) == (5, 1)
    assert third.parameters == study.trials()[1].parameters
    assert study.retry_failed() == 0  # it is under way
    study.complete(third.number, 0.1)
    assert study.retry_failed() == 0
    assert study.propose() is None


def test_unfinished_retries_are_resumed(url: str, name: str) -> None:
    study = open_study(url, name=name, trials=2)
    fill(study, None, None)
    study.retry_failed()
    under_way = propose(study)
    study.report(under_way.number, 1, 0.5)
    study.close()
    again = open_study(url, name=name, trials=2)
    assert [(trial.number, trial.retry_of, trial.values) for trial in (propose(again), propose(again))] == [
        (2, 0, {1: 0.5}),
        (3, 1, {}),
    ]
    assert again.propose() is None


def test_retries_do_not_count_as_first_trials(url: str, name: str) -> None:
    first: list[Any] = [PAPER, {**PAPER, "beta": 0.2}, {**PAPER, "beta": 0.3}]
    study = open_study(url, name=name, first=first, trials=4)
    fill(study, None)
    study.retry_failed()
    assert [propose(study).parameters["beta"] for _ in range(4)][:3] == [0.05, 0.2, 0.3]
    assert study.propose() is None
