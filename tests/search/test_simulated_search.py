"""Searches on the table of real learning curves: best F1, saved epochs, determinism."""

import multiprocessing
import os
import signal
from functools import cache, partial
from pathlib import Path
from statistics import fmean

import pytest
import stored_runs
from scipy.stats import wilcoxon

from benchmarks.curve_table import read_table
from benchmarks.simulation import (
    NullRunLogger,
    PhaseCalls,
    SimulatedSearch,
    best_value,
    decisions,
    epochs_trained,
    random_points,
)
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport
from msd_ray.search.studies import TrialRecord
from msd_ray.tracking.run_logger import open_run_logger
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri

pytestmark = pytest.mark.extended

SEEDS = range(20)
TRIALS = 30
TABLE = read_table()


@cache
def searched(seed: int, *, pruned: bool = False, at_random: bool = False) -> tuple[TrialRecord, ...]:
    """A search of `TRIALS` trials, four at a time."""
    first = random_points(TRIALS, seed) if at_random else ()
    search = SimulatedSearch(table=TABLE, trials=TRIALS, seed=seed, at_once=4, pruned=pruned, first=first)
    return tuple(search.run(NullRunLogger()))


@pytest.mark.parametrize("pruned", [False, True], ids=["without early stopping", "with early stopping"])
def test_finds_better_students_than_random_search(pruned: bool) -> None:
    """With the same number of trials, paired over the seeds."""
    ours = [best_value(searched(seed, pruned=pruned)) for seed in SEEDS]
    random = [best_value(searched(seed, pruned=pruned, at_random=True)) for seed in SEEDS]
    assert sum(mine > theirs for mine, theirs in zip(ours, random, strict=True)) >= 16, (ours, random)
    assert wilcoxon(ours, random, alternative="greater").pvalue < 0.01


@pytest.mark.parametrize("at_random", [True, False], ids=["random trials", "search"])
def test_early_stopping_saves_a_third_of_the_epochs_and_costs_little(at_random: bool) -> None:
    stopped = [searched(seed, pruned=True, at_random=at_random) for seed in SEEDS]
    trained = [searched(seed, at_random=at_random) for seed in SEEDS]
    assert {epochs_trained(trials) for trials in trained} == {TRIALS * TABLE.epochs}
    assert sum(map(epochs_trained, stopped)) < 0.67 * sum(map(epochs_trained, trained))
    assert fmean(map(best_value, trained)) - fmean(map(best_value, stopped)) < 0.0025


def test_a_search_tries_every_choice() -> None:
    for seed in SEEDS:
        assert {trial.parameters["init"] for trial in searched(seed)[:2]} == {"encoder", "teacher"}


def test_early_stopping_ends_students_that_start_badly() -> None:
    """Half of random trials start at the encoder, and learn little in so few steps: hardly one comes to its end."""
    for seed in SEEDS:
        trials = searched(seed, pruned=True, at_random=True)
        ended = [trial for trial in trials if trial.state == "COMPLETE"]
        assert sum(trial.parameters["init"] == "encoder" for trial in trials) > TRIALS / 5
        # The first trial at a rung always continues, so trials of the start may be bad.
        assert sum(trial.parameters["init"] == "encoder" for trial in ended) <= 4


def test_the_same_seed_decides_the_same_in_memory_and_in_a_database(tmp_path: Path) -> None:
    def search(seed: int, database: str | None) -> SimulatedSearch:
        url = None if database is None else f"sqlite:///{tmp_path / database}"
        return SimulatedSearch(table=TABLE, trials=24, seed=seed, at_once=8, study_storage=url, storage=tmp_path)

    first = decisions(search(3, "first.db").run(NullRunLogger()))
    assert decisions(search(3, "second.db").run(NullRunLogger())) == first
    assert decisions(search(3, None).run(NullRunLogger())) == first
    assert {state for _, state, _, _ in first} == {"COMPLETE", "PRUNED"}
    other = decisions(search(4, None).run(NullRunLogger()))
    assert all(mine[2] != theirs[2] for mine, theirs in zip(first[1:], other[1:], strict=True))


class Dies(PhaseCalls):
    """Kills the process after a number of reports."""

    def __init__(self, reports: int) -> None:
        self._left = reports

    def on_report(self, phase: Phase, report: TrialReport, now: float) -> bool:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().on_report(phase, report, now)


def test_killed_and_resumed_it_decides_as_undisturbed(tmp_path: Path) -> None:
    def search(database: str) -> SimulatedSearch:
        url = f"sqlite:///{tmp_path / database}"
        return SimulatedSearch(table=TABLE, trials=14, seed=5, study_storage=url, storage=tmp_path)

    undisturbed = decisions(search("undisturbed.db").run(NullRunLogger()))
    for reports in (9, 14):
        killed = search("killed.db")
        process = multiprocessing.get_context("fork").Process(
            target=killed.run,
            args=(NullRunLogger(), lambda phase: killed.play(phase, Dies(reports))),  # noqa: B023
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert len(search("killed.db").open().trials()) < 14
    assert decisions(search("killed.db").run(NullRunLogger())) == undisturbed


def test_32_at_a_time_every_trial_is_recorded_once_and_alike_in_both_places(
    empty_databases: Path, tmp_path: Path
) -> None:
    (tmp_path / "mlflow.db").write_bytes((empty_databases / "mlflow.db").read_bytes())
    search = SimulatedSearch(
        table=TABLE,
        trials=40,
        seed=1,
        at_once=32,
        study_storage=f"sqlite:///{tmp_path / 'studies.db'}",
        storage=tmp_path,
    )
    open_tracker = partial(
        StudyTracker.open,
        default_tracking_uri(tmp_path),
        dataset="simulated",
        lang="table",
        study="load",
        parameters={},
        tags={},
    )
    running: list[int] = []

    class Counts(PhaseCalls):
        def on_report(self, phase: Phase, report: TrialReport, now: float) -> bool:
            running.append(len(phase._running))
            return super().on_report(phase, report, now)

    with open_run_logger(tmp_path / "records.jsonl", open_tracker, root=tmp_path, report=print) as run_logger:
        trials = search.run(run_logger, lambda phase: search.play(phase, Counts()))
        run_logger.drain(600)
    assert max(running) == 32
    assert [trial.number for trial in trials] == list(range(40))
    runs = stored_runs.children(tmp_path)
    assert {run.tags["trial"]: run.tags["state"] for run in runs.values()} == {
        str(trial.number): trial.state for trial in trials
    }
    assert len(runs) == 40
    points = stored_runs.query(tmp_path / "mlflow.db", "SELECT COUNT(*) FROM metrics WHERE key = 'epoch'")
    assert points == [(epochs_trained(trials),)]
