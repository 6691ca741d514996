"""Terminate trials that hang, and phases that make no progress.

Three bounds follow from one number of seconds S:

- A trial whose process runs and reports nothing for S is killed, with its workers. Tune restarts it from its last
  epoch, as after any death, `RETRIES` times; then it fails, and the reason states how long it was silent.
- A phase ends if nothing runs for S although resources are free: trials do not start.
- A phase ends if no trial reports for (RETRIES + 2) S: the problem is not one trial, and the next would hang too.

Waiting for resources is no silence, and never the failure of a trial. A phase ends if no trial gets any for another
bound, `wait_s`. A trial waits if its process, or its workers' placement group, does.

A report is an epoch, or the begin of another stage (see `TrialReport.stage`). Time is the monotonic clock's.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ray.tune.experiment import Trial

from ..plans import Failure, Launch
from .workers import RETRIES


class StalledError(Exception):
    """No trial made progress, or got resources, within the bound; the message states for how long."""


@dataclass(kw_only=True)
class Watched:
    """A launch between its start and its end.

    Args:
        launch: the launch.
        trial: Tune's trial while its process runs.
        last_progress: time of the last report, on the monotonic clock.
        controller: id of its Ray Train controller, an actor; None without one.
        waits: whether its workers wait for resources.
        failures: number of its failures by Tune's count.
        killed: reason if the watchdog killed it.
        failed: the failure that the trial reported, if it ended regularly after one.
    """

    launch: Launch
    trial: Trial | None = None
    last_progress: float = 0.0
    controller: str | None = None
    waits: bool = False
    failures: int = 0
    killed: str | None = None
    failed: Failure | None = None

    @property
    def runs(self) -> bool:
        """Whether it has all its resources."""
        return self.trial is not None and not self.waits


@dataclass(kw_only=True)
class Watchdog:
    """Watches the launches of a phase.

    Args:
        silence_s: S above, in seconds.
        wait_s: seconds that a phase may wait for resources.
        clock: monotonic clock.
        by_trial: watched launches by Tune's trial id.
        waited_s: seconds for which no trial has had resources.
    """

    silence_s: float
    wait_s: float
    clock: Callable[[], float] = time.monotonic
    by_trial: dict[str, Watched] = field(default_factory=dict)
    waited_s: float = 0.0
    _pending: bool = False  # whether any resources are awaited
    _silent_s: float = 0.0
    _idle_s: float = 0.0
    _checked: float = 0.0

    def __post_init__(self) -> None:
        self._checked = self.clock()

    def launched(self, trial_id: str, launch: Launch) -> None:
        """The launch was handed to Tune and is pending."""
        self.by_trial[trial_id] = Watched(launch=launch)
        self._silent_s = self._idle_s = 0.0

    def started(self, trial: Trial) -> None:
        """The trial's process started."""
        watched = self.by_trial[trial.trial_id]
        watched.trial, watched.last_progress, watched.killed = trial, self.clock(), None
        watched.controller, watched.waits = None, False

    def has_controller(self, trial_id: str, controller: str) -> None:
        """The trial's Ray Train controller reserves resources for its workers."""
        if trial_id in self.by_trial:
            self.by_trial[trial_id].controller = controller

    def awaited(self, creators: Collection[str]) -> None:
        """Update which trials wait. creators: of the placement groups that are pending, see `pending_creators`."""
        self._pending = bool(creators)
        for watched in self.by_trial.values():
            if watched.waits:
                watched.last_progress = self.clock()
            watched.waits = watched.controller in creators

    @property
    def pending(self) -> list[Launch]:
        """Launches that do not have all their resources."""
        return [watched.launch for watched in self.by_trial.values() if not watched.runs]

    def progressed(self, trial_id: str) -> None:
        """The trial reported."""
        self._silent_s = 0.0
        if trial_id in self.by_trial:
            self.by_trial[trial_id].last_progress = self.clock()

    def died(self, trial_id: str, failure: Failure) -> Failure:
        """The trial's process died; returns the failure, or the watchdog's if that killed it."""
        watched = self.by_trial[trial_id]
        watched.trial = None
        return failure if watched.killed is None else Failure(reason=watched.killed, details=watched.killed)

    def ended(self, trial_id: str) -> Watched:
        """The launch ended; returns and forgets it."""
        self._silent_s = self._idle_s = 0.0
        return self.by_trial.pop(trial_id)

    def stalled(self) -> str | None:
        """Why the phase is to end; None if it is not. To be called repeatedly."""
        now = self.clock()
        elapsed, self._checked = now - self._checked, now
        if not self.by_trial or any(watched.runs for watched in self.by_trial.values()):
            self.waited_s = self._idle_s = 0.0
        elif self._pending:
            self.waited_s += elapsed
            self._idle_s = elapsed = 0.0  # no silence
        else:
            self._idle_s += elapsed
        self._silent_s = self._silent_s + elapsed if self.by_trial else 0.0
        if self.waited_s > self.wait_s:
            return f"no trial got resources for {self.waited_s:.0f} s"
        if self._idle_s > self.silence_s or self._silent_s > (RETRIES + 2) * self.silence_s:
            return f"no trial made progress for {self._silent_s:.0f} s"
        return None

    def silent(self) -> list[tuple[Watched, float]]:
        """Trials to kill, and for how many seconds each has been silent; each is returned once per start."""
        now = self.clock()
        running = [watched for watched in self.by_trial.values() if watched.runs and watched.killed is None]
        return [
            (watched, now - watched.last_progress)
            for watched in running
            if now - watched.last_progress > self.silence_s
        ]
