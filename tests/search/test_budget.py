"""Budget of a search: wall-clock hours, and trials without improvement."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_search import MakeSearch, SmallSearch, run_here
from stored_runs import Trial, children, trials
from study_driver import open_study

from msd_ray.search import budget
from msd_ray.search.budget import Budget, Clock, Remaining, Seconds, trials_without_gain, typical_s
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport
from msd_ray.search.studies import TrialRecord

OPTIONS = {"rows": "best", "seeds": 1, "grace_epochs": 2, "teacher_trials": 1}


def record(number: int, state: Any, value: float | None) -> TrialRecord:
    return TrialRecord(number=number, state=state, parameters={}, value=value, values={}, reason=None)


@pytest.mark.parametrize(
    ("ended", "count"),
    [
        ([], 0),
        ([("COMPLETE", 0.5)], 0),
        ([("COMPLETE", 0.5), ("COMPLETE", 0.4), ("COMPLETE", 0.5)], 2),  # as good as the best is no gain
        ([("COMPLETE", 0.5), ("COMPLETE", 0.4), ("COMPLETE", 0.6)], 0),
        ([("COMPLETE", 0.5), ("PRUNED", 0.9)], 1),  # an early value is no result
        ([("PRUNED", 0.9), ("PRUNED", 0.1)], 0),
        ([("COMPLETE", 0.5), ("FAIL", None), ("RUNNING", None), ("WAITING", None)], 0),
        ([("COMPLETE", 0.5), ("RUNNING", None), ("COMPLETE", 0.4)], 1),
    ],
)
def test_trials_without_gain(ended: list[tuple[str, float | None]], count: int) -> None:
    assert trials_without_gain([record(number, *one) for number, one in enumerate(ended)]) == count


def test_remaining_trainings_run_concurrently() -> None:
    each = Seconds(teacher=10.0, student=100.0)
    assert Remaining(teachers=3, students=2).seconds(each, 1) == 230
    assert Remaining(teachers=3, students=2).seconds(each, 2) == 115


class Watch:
    """A clock that tests set."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 5000.0
        patch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def test_the_clock_counts_over_starts(watch: Watch, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    first = open_study(url)
    clock = Clock(budget=Budget(hours=1.0), study=first)
    watch.now += 1000
    assert clock.allows(2600)
    assert not clock.allows(2601)
    first.close()
    watch.now += 10_000  # no driver runs
    second = open_study(url)
    clock = Clock(budget=Budget(hours=1.0), study=second)
    assert clock.allows(2600)
    watch.now += 500
    assert not clock.allows(2101)
    assert Clock(budget=Budget(hours=2.0), study=second).allows(5700)
    assert Clock(budget=Budget(), study=second).allows(1e9)
    second.close()


def test_duration_of_trials_is_measured_or_expected(tmp_path: Path) -> None:
    assert typical_s(None, 7.0) == 7.0
    study = open_study(f"sqlite:///{tmp_path}/studies.db", pruning=None)
    assert typical_s(study, 7.0) == 7.0
    trial = study.propose()
    assert trial is not None
    study.complete(trial.number, 0.5)
    assert 0 <= typical_s(study, 7.0) < 7.0
    study.close()


def phase_of(storage: Path, phase: str) -> list[Trial]:
    return [trial for trial in trials(storage) if trial.study == f"wikiann-ar/{phase}"]


def ticking(watch: Watch, seconds: float) -> Callable[[Phase], None]:
    """Run a phase in which every trial takes `seconds`."""

    def tick(phase: Phase, report: TrialReport) -> None:
        watch.now += seconds * report.finished

    return lambda phase: run_here(phase, before=tick)


def test_no_trial_starts_that_would_exceed_the_hours(new_search: MakeSearch, watch: Watch) -> None:
    """A trial takes 1,000 s of the search's clock; by the study's it took next to nothing, the rest counts little."""
    options = {**OPTIONS, "teacher_trials": 2, "trials": 7}
    search = new_search(options={**options, "hours": 1}, expected=Seconds(teacher=1.0, student=1.0))
    search.run(ticking(watch, 1000))
    # Started after 0, 1,000, 2,000 and 3,000 s; the final run is run in any case.
    assert [len(phase_of(search.root, phase)) for phase in ("teacher", "student")] == [2, 2]
    assert sum(key.startswith("final/") for key in children(search.root)) == 1
    before = children(search.root)
    search.run(ticking(watch, 1000))
    assert children(search.root) == before
    more = replace(search, options={**options, "hours": 2})
    more.run(ticking(watch, 1000))
    assert len(phase_of(search.root, "teacher")) == 2
    # After 4,000, 5,000, 6,000 and 7,000 s.
    assert len(phase_of(search.root, "student")) == 2 + 4


def test_no_teacher_starts_that_leaves_no_time_for_a_student_and_final_runs(
    new_search: MakeSearch, watch: Watch
) -> None:
    """A student takes 1,000 s as far as is known: one, and the final run's, need 2,000 of the 3,600."""
    options = {**OPTIONS, "teacher_trials": 5, "trials": 1, "hours": 1}
    search = new_search(options=options, expected=Seconds(teacher=100.0, student=1000.0))
    search.run(ticking(watch, 1000))
    assert len(phase_of(search.root, "teacher")) == 2
    assert len(phase_of(search.root, "student")) == 1


def scored(values: list[float]) -> Callable[[SmallSearch], None]:
    """Run a search whose students score these values on dev, one after the other."""

    def run_phase(phase: Phase) -> None:
        on_report = phase.on_report

        def score(report: TrialReport) -> bool:
            if phase.name == "student" and phase.score in report.metrics:
                report = replace(report, metrics={**report.metrics, phase.score: values[report.number]})
            return on_report(report)

        phase.on_report = score  # type: ignore[method-assign]
        run_here(phase)

    return lambda search: (search.run(run_phase), None)[1]


def test_patience_ends_the_student_phase_and_more_of_it_goes_on(new_search: MakeSearch) -> None:
    values = [0.3, 0.4, 0.1, 0.2, 0.5, 0.1, 0.1, 0.1]
    options = {**OPTIONS, "trials": 8}
    search = new_search(options={**options, "patience": 2})
    run = scored(values)
    run(search)
    assert [trial.value for trial in phase_of(search.root, "student")] == values[:4]
    before = children(search.root)
    run(search)
    assert children(search.root) == before
    run(replace(search, options={**options, "patience": 3}))
    assert [trial.value for trial in phase_of(search.root, "student")] == values
    best = children(search.root)["student/4"].tags["configuration"]
    assert any(key.startswith(f"final/best/{best}/") for key in children(search.root))
