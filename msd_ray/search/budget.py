"""When a search begins no more trials: after so many hours, or so many trials that brought nothing.

Like `--trials`, both may be raised later: the same command with more goes on.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from .studies import PhaseStudy, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """How long one training takes, of a teacher and of a student."""

    teacher: float
    student: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """hours: wall clock of all starts of the search together; None: no limit. patience: student trials in a row."""

    hours: float | None = None
    patience: int | None = None


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """Trainings that a search still needs after a phase: to confirm the best, and of the final runs."""

    teachers: int
    students: int

    def seconds(self, each: Seconds, concurrent: int) -> float:
        """How long they take, side by side."""
        return (self.teachers * each.teacher + self.students * each.student) / concurrent


def total(trainings: Iterable[Remaining]) -> Remaining:
    """Their sum."""
    found = list(trainings)
    return Remaining(teachers=sum(one.teachers for one in found), students=sum(one.students for one in found))


def without_gain(trials: Sequence[TrialRecord]) -> int:
    """How many trials have ended, in order of their numbers, since the best one."""
    ended = [trial for trial in trials if trial.state in ("COMPLETE", "PRUNED")]
    complete = [trial for trial in ended if trial.state == "COMPLETE"]
    if not complete:
        return 0
    best = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    return sum(trial.number > best.number for trial in ended)


@dataclass(kw_only=True)
class Clock:
    """The wall clock of a search, kept with its teacher study, over all its starts."""

    budget: Budget
    study: PhaseStudy
    _since: float = field(default_factory=lambda: time.monotonic())
    _before: float = field(init=False)

    def __post_init__(self) -> None:
        self._before = self.study.used_s

    def leaves(self, needed_s: float) -> bool:
        """Whether a trial and all that comes after it, which need so long, still end in time."""
        if self.budget.hours is None:
            return True
        used = self._before + time.monotonic() - self._since
        self.study.note_used(used)
        return used + needed_s <= 3600 * self.budget.hours


def typical_s(study: PhaseStudy | None, expected: float) -> float:
    """How long a trial of the phase takes: the median of those that ran to their end, else what is expected."""
    durations = [] if study is None else study.durations_s()
    return median(durations) if durations else expected
