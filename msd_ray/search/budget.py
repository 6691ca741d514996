"""Budget of a search: it starts no more trials after some hours, or after some trials without improvement.

Both limits may be increased later, like `--trials`; the search then continues.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from .studies import PhaseStudy, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Seconds of one training of a teacher and of a student."""

    teacher: float
    student: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits of a search.

    Args:
        hours: wall-clock hours, summed over all starts of the search; None: no limit.
        patience: student trials in a row without improvement; None: no limit.
    """

    hours: float | None = None
    patience: int | None = None


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """Number of trainings that a search has left, or that a trial consists of."""

    teachers: int
    students: int

    def seconds(self, each: Seconds, concurrent: int) -> float:
        """Seconds of these trainings, with `concurrent` at once."""
        return (self.teachers * each.teacher + self.students * each.student) / concurrent


def total(trainings: Iterable[Remaining]) -> Remaining:
    """Their sum."""
    found = list(trainings)
    return Remaining(teachers=sum(one.teachers for one in found), students=sum(one.students for one in found))


def trials_without_gain(trials: Sequence[TrialRecord]) -> int:
    """Number of ended trials with a higher number than the best one."""
    ended = [trial for trial in trials if trial.state in ("COMPLETE", "PRUNED")]
    complete = [trial for trial in ended if trial.state == "COMPLETE"]
    if not complete:
        return 0
    best = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    return sum(trial.number > best.number for trial in ended)


@dataclass(kw_only=True)
class Clock:
    """Wall-clock time of a search over all its starts, stored in its teacher study."""

    budget: Budget
    study: PhaseStudy
    _since: float = field(default_factory=lambda: time.monotonic())
    _before: float = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.study.used_s

    def allows(self, needed_s: float) -> bool:
        """Store the time used so far; return whether `needed_s` more seconds fit into the hours."""
        if self.budget.hours is None:
            return True
        used = self._before + time.monotonic() - self._since
        self.study.note_used(used)
        return used + needed_s <= 3600 * self.budget.hours


def typical_s(study: PhaseStudy | None, expected: float) -> float:
    """Seconds of a trial: the median of complete trials, or `expected` before the first one."""
    durations = [] if study is None else study.durations_s()
    return median(durations) if durations else expected
