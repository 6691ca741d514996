"""Progress of a search as plain values: phases, running and ended trials. What shows them is passed in (`Display`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .budget import Remaining
from .parameters import JSON
from .records import Ending

NO_WORK = Remaining(teachers=0, students=0)


@dataclass(frozen=True, kw_only=True)
class PhasePlan:
    """A phase before it runs.

    Args:
        name: teacher, student, confirm or final.
        total: number of trials.
        work: trainings of each trial by its number; the last entry also counts for higher numbers.
        launches: launch of each trial by its number, where trials share launches; a launch runs its trials in order.
        after: trainings of the phases that follow, at most.
        concurrent: number of concurrent launches.
    """

    name: str
    total: int
    work: Sequence[Remaining] = (NO_WORK,)
    launches: Sequence[int] = ()
    after: Remaining = NO_WORK
    concurrent: int = 1

    def work_of(self, number: int) -> Remaining:
        """Trainings of one trial."""
        return self.work[min(number, len(self.work) - 1)]

    def launch_of(self, number: int) -> int:
        """Launch of one trial."""
        return self.launches[number] if number < len(self.launches) else -1 - number


@dataclass(frozen=True, kw_only=True)
class RunningTrial:
    """A running trial.

    Args:
        key: its name, such as `student/3`.
        number: its number in the phase's study.
        started: monotonic clock at its start, in seconds; None while it waits, for resources or for another trial of
            its launch.
        pending: whether it waits for resources.
        known: epochs that an earlier start had reported.
        done: epochs reported so far.
        epochs: epochs of the whole training.
        train_s: training seconds of the last epoch; None before the first one.
        student: whether its epochs are those of a student; else of a teacher.
    """

    key: str
    number: int
    started: float | None
    pending: bool = False
    known: int = 0
    done: int = 0
    epochs: int = 1
    train_s: float | None = None
    student: bool = True


@dataclass(frozen=True, kw_only=True)
class EndedTrial:
    """A trial that needs no more work.

    Args:
        key: its name.
        number: its number in the phase's study.
        state: how it ended.
        value: dev F1, 0..1; of a pruned trial the best so far; None if it failed.
        parameters: the searched hyperparameters; of seeded runs `row` and `seed`.
        seconds: duration; None unless this process ran it from its first epoch.
        note: why it was pruned or failed.
    """

    key: str
    number: int
    state: Ending
    value: float | None = None
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    seconds: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PhaseProgress:
    """Trials of a phase. ended: in the order of their ends, those of earlier starts first."""

    ended: Sequence[EndedTrial] = ()
    running: Sequence[RunningTrial] = ()

    def count(self, state: str) -> int:
        """Number of trials that ended in this state."""
        return sum(trial.state == state for trial in self.ended)

    @property
    def pending(self) -> int:
        """Number of trials that wait for resources."""
        return sum(trial.pending for trial in self.running)

    @property
    def complete(self) -> list[EndedTrial]:
        """Trials with a final score."""
        return [trial for trial in self.ended if trial.state == "COMPLETE" and trial.value is not None]

    @property
    def best(self) -> float | None:
        """Highest dev F1 of a complete trial."""
        return max((trial.value or 0.0 for trial in self.complete), default=None)


class Display(Protocol):
    """Shows the progress of one phase at a time."""

    def phase(self, plan: PhasePlan) -> None:
        """Start a phase."""

    def update(self, progress: PhaseProgress) -> None:
        """Show new progress of the phase; may be called at any frequency."""

    def line(self, text: str) -> None:
        """Print a line."""
