"""Time until a search ends, from the durations of its ended trials. Pure functions.

All phases count: the trials of the current one are scheduled on the concurrent slots, and the trainings of the phases
that follow are spread evenly over them.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from .budget import Remaining, Seconds
from .progress import PhasePlan, PhaseProgress

Duration = tuple[Remaining, float]
"""Trainings of a complete trial, and its seconds."""


def durations(plan: PhasePlan, progress: PhaseProgress) -> list[Duration]:
    """Trainings and seconds of the complete trials that were measured."""
    return [(plan.work_of(trial.number), trial.seconds) for trial in progress.complete if trial.seconds is not None]


def typical(measured: Sequence[Duration]) -> Seconds | None:
    """Mean seconds of one training; None without a measured one.

    A kind that was never measured alone is assumed to take as long as the mean training.
    """
    known = [(work, seconds) for work, seconds in measured if work.teachers + work.students]
    if not known:
        return None
    each = fmean(seconds / (work.teachers + work.students) for work, seconds in known)
    teachers = [seconds / work.teachers for work, seconds in known if not work.students]
    students = [seconds / work.students for work, seconds in known if not work.teachers]
    return Seconds(teacher=fmean(teachers) if teachers else each, student=fmean(students) if students else each)


def seconds_left(plan: PhasePlan, progress: PhaseProgress, earlier: Sequence[Duration], now: float) -> float | None:
    """Estimated seconds until the last phase ends; None before the first trial was measured.

    Args:
        plan: the current phase.
        progress: its trials.
        earlier: durations from the phases before it.
        now: the monotonic clock, as in `RunningTrial.started`.
    """
    each = typical([*earlier, *durations(plan, progress)])
    if each is None:
        return None
    factor = _factor(plan, progress, each)
    running: dict[int, float] = defaultdict(float)
    for trial in progress.running:
        expected = factor * plan.work_of(trial.number).seconds(each, 1) * (1 - trial.known / max(trial.epochs, 1))
        elapsed = 0.0 if trial.started is None else now - trial.started
        running[plan.launch_of(trial.number)] += max(expected - elapsed, 0.0)
    begun = {trial.number for trial in progress.ended} | {trial.number for trial in progress.running}
    pending: dict[int, float] = defaultdict(float)
    for number in range(plan.total):
        if number not in begun:
            pending[plan.launch_of(number)] += factor * plan.work_of(number).seconds(each, 1)
    return _makespan(running.values(), pending.values(), plan.concurrent) + plan.after.seconds(each, plan.concurrent)


def _factor(plan: PhasePlan, progress: PhaseProgress, each: Seconds) -> float:
    """Duration of the phase's trials relative to full trainings: pruned trials are shorter, tested ones longer."""
    ratios = []
    for trial in progress.ended:
        expected = plan.work_of(trial.number).seconds(each, 1)
        if trial.seconds is not None and trial.state != "FAIL" and expected > 0:
            ratios.append(trial.seconds / expected)
    return fmean(ratios) if ratios else 1.0


def _makespan(running: Iterable[float], pending: Iterable[float], concurrent: int) -> float:
    """Seconds until all launches have ended if each pending one starts, in order, in the first free slot."""
    slots = sorted(running)
    slots += [0.0] * (concurrent - len(slots))
    heapq.heapify(slots)
    for seconds in pending:
        heapq.heapreplace(slots, slots[0] + seconds)
    return max(slots)
