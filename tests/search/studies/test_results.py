"""Reports, early stopping and results."""

import math
import sqlite3
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.storages._rdb.models import TrialModel
from study_driver import EPOCHS, open_study, score

from msd_ray.search.studies import Pruning


def test_repeated_calls_have_no_effect(url: str, name: str) -> None:
    study = open_study(url, name=name)
    for _ in range(3):
        study.propose()
    study.report(0, 1, 0.5)
    study.report(0, 1, 0.7)
    for _ in range(2):
        study.complete(0, 0.5)
        study.prune(1, 0.4)
        study.fail(2, "out of memory")
        study.report(0, 1, 0.5)
    states = [(t.state, t.value, t.values, t.reason) for t in study.trials()]
    assert states == [
        ("COMPLETE", 0.5, {1: 0.5}, None),
        ("PRUNED", 0.4, {}, None),
        ("FAIL", None, {}, "out of memory"),
    ]


def test_contradictory_results_are_errors(url: str, name: str) -> None:
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
    with pytest.raises(KeyError):
        study.report(17, 1, 0.5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_must_be_finite(url: str, name: str, value: float) -> None:
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


def test_without_pruning_no_trial_stops(url: str, name: str) -> None:
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


def test_a_proposal_reads_no_trial_again_that_has_ended(url: str, name: str) -> None:
    """Reading all of them for each would make a search of thousands of trials slower and slower."""
    study = open_study(url, name=name, trials=12, first=[], pruning=None)
    for _ in range(10):
        ended = study.propose()
        assert ended is not None
        study.complete(ended.number, score(ended.parameters, EPOCHS))
    study.propose()
    read: set[int] = set()

    def note(trial: TrialModel, _: object) -> None:
        read.add(int(trial.number))

    sqlalchemy.event.listen(TrialModel, "load", note)
    try:
        assert study.propose() is not None
    finally:
        sqlalchemy.event.remove(TrialModel, "load", note)
    assert read == {10, 11}
