"""Time left until the end of a search, from durations of trials."""

import pytest

from msd_ray.search.budget import Remaining, Seconds
from msd_ray.search.forecast import Duration, durations, seconds_left, typical
from msd_ray.search.progress import EndedTrial, PhasePlan, PhaseProgress, RunningTrial

TEACHER, STUDENT = Remaining(teachers=1, students=0), Remaining(teachers=0, students=1)
BOTH = Remaining(teachers=1, students=1)


def ended(number: int, seconds: float | None, state: str = "COMPLETE") -> EndedTrial:
    return EndedTrial(key=str(number), number=number, state=state, value=0.5, seconds=seconds)  # type: ignore[arg-type]


def running(number: int, started: float | None, known: int = 0) -> RunningTrial:
    return RunningTrial(key=str(number), number=number, started=started, known=known, epochs=4)


def left(plan: PhasePlan, progress: PhaseProgress, earlier: list[Duration] | None = None, now: float = 0) -> float:
    seconds = seconds_left(plan, progress, earlier or [], now)
    assert seconds is not None
    return seconds


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ([], None),
        ([(Remaining(teachers=0, students=0), 9.0)], None),  # tested only: its teacher was there
        ([(TEACHER, 10.0), (TEACHER, 20.0)], Seconds(teacher=15, student=15)),
        ([(TEACHER, 10.0), (STUDENT, 30.0), (BOTH, 40.0)], Seconds(teacher=10, student=30)),
        ([(BOTH, 40.0)], Seconds(teacher=20, student=20)),
    ],
)
def test_a_typical_training(measured: list[Duration], expected: Seconds | None) -> None:
    assert typical(measured) == expected


def test_nothing_is_said_before_a_trial_was_measured() -> None:
    plan = PhasePlan(name="student", total=4, work=[STUDENT])
    assert seconds_left(plan, PhaseProgress(running=[running(0, 0.0)]), [], 5) is None
    resumed = PhaseProgress(ended=[ended(0, None)])  # by an earlier start
    assert durations(plan, resumed) == []
    assert seconds_left(plan, resumed, [], 5) is None


def test_the_phases_that_follow_count() -> None:
    plan = PhasePlan(name="teacher", total=2, work=[TEACHER], after=Remaining(teachers=5, students=10), concurrent=2)
    progress = PhaseProgress(ended=[ended(0, 40.0)], running=[running(1, 10.0)])
    assert left(plan, progress, now=30.0) == 20 + 15 * 40 / 2


def test_trials_are_scheduled_on_the_slots() -> None:
    """Three trials of 10 s on two slots take 20 s, and not 15."""
    plan = PhasePlan(name="student", total=4, work=[STUDENT], concurrent=2)
    assert left(plan, PhaseProgress(ended=[ended(0, 10.0)])) == 20
    half_done = PhaseProgress(ended=[ended(0, 10.0)], running=[running(1, 0.0), running(2, -5.0)])
    assert left(plan, half_done) == 15


def test_pending_trials_of_any_number_run_side_by_side_only_if_slots_allow_it() -> None:
    """The number of running trials does not matter: between two trials the estimate stays."""
    plan = PhasePlan(name="student", total=9, work=[STUDENT], concurrent=2)
    before = PhaseProgress(ended=[ended(0, 10.0)], running=[running(1, 0.0), running(2, 0.0)])
    after = PhaseProgress(ended=[ended(0, 10.0), ended(1, 10.0), ended(2, 10.0)])
    assert left(plan, before) == 40
    assert left(plan, after) == 30


def test_resumed_epochs_need_not_be_trained_again() -> None:
    plan = PhasePlan(name="student", total=2, work=[STUDENT])
    progress = PhaseProgress(ended=[ended(0, 40.0)], running=[running(1, 100.0, known=3)])
    assert left(plan, progress, now=104.0) == 6


def test_pruned_trials_make_a_phase_shorter_but_not_what_follows() -> None:
    plan = PhasePlan(name="student", total=3, work=[STUDENT], after=STUDENT)
    progress = PhaseProgress(ended=[ended(0, 40.0), ended(1, 20.0, "PRUNED")])
    assert left(plan, progress) == 30 + 40


def test_failed_trials_say_nothing_of_others() -> None:
    plan = PhasePlan(name="student", total=3, work=[STUDENT])
    assert left(plan, PhaseProgress(ended=[ended(0, 40.0), ended(1, 1.0, "FAIL")])) == 40


def test_runs_are_as_long_as_what_they_train() -> None:
    plan = PhasePlan(name="final", total=3, work=[TEACHER, BOTH, STUDENT])
    measured = [(TEACHER, 10.0), (STUDENT, 30.0)]
    assert left(plan, PhaseProgress(), measured) == 10 + 40 + 30


def test_trials_of_a_launch_follow_each_other() -> None:
    plan = PhasePlan(name="final", total=4, work=[STUDENT], launches=[7, 7, 8, 8], concurrent=2)
    progress = PhaseProgress(running=[running(0, 0.0), running(1, None)])
    assert left(plan, progress, [(STUDENT, 10.0)], now=5.0) == 20  # launch 8; launch 7 needs 5 + 10 s
