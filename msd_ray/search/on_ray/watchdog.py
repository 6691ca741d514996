"""Terminate trials that hang, and phases that make no progress.

Three bounds follow from one number of seconds S:

- A trial whose process runs and reports nothing for S is killed, with its workers. Tune restarts it from its last
  epoch, as after any death, `RETRIES` times; then it fails, and the reason states how long it was silent.
- A phase ends if no trial's process has run or started for S: the resources that the trials need are not available.
- A phase ends if no trial reports for (RETRIES + 2) S: the problem is not one trial, and the next would hang too.

A report is an epoch, or the begin of another stage (see `TrialReport.stage`). Time is the monotonic clock's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ray.tune.experiment import Trial

from ..plans import Failure, Launch
from .workers import RETRIES


class StalledError(Exception):
    """No trial made progress within the bound; the message states for how long, and Ray's free resources."""


@dataclass(kw_only=True)
class Watched:
    """A launch between its start and its end.

    Args:
        launch: the launch.
        trial: Tune's trial while its process runs.
        last_progress: time of the last report, on the monotonic clock.
        killed: reason if the watchdog killed it.
        failed: the failure that the trial reported, if it ended regularly after one.
    """

    launch: Launch
    trial: Trial | None = None
    last_progress: float = 0.0
    killed: str | None = None
    failed: Failure | None = None


@dataclass(kw_only=True)
class Watchdog:
    """Watches the launches of a phase.

    Args:
        silence_s: S above, in seconds.
        clock: monotonic clock.
        by_trial: watched launches by Tune's trial id.
    """

    silence_s: float
    clock: Callable[[], float] = time.monotonic
    by_trial: dict[str, Watched] = field(default_factory=dict)
    _last_progress: float = 0.0
    _last_running: float = 0.0

    def __post_init__(self) -> None:
        self._last_progress = self._last_running = self.clock()

    def launched(self, trial_id: str, launch: Launch) -> None:
        """The launch was handed to Tune and is pending."""
        self.by_trial[trial_id] = Watched(launch=launch)
        self._last_progress = self.clock()

    def started(self, trial: Trial) -> None:
        """The trial's process started."""
        watched = self.by_trial[trial.trial_id]
        watched.trial, watched.last_progress, watched.killed = trial, self.clock(), None

    def progressed(self, trial_id: str) -> None:
        """The trial reported."""
        self._last_progress = self.clock()
        if trial_id in self.by_trial:
            self.by_trial[trial_id].last_progress = self._last_progress

    def died(self, trial_id: str, failure: Failure) -> Failure:
        """The trial's process died; returns the failure, or the watchdog's if that killed it."""
        watched = self.by_trial[trial_id]
        watched.trial = None
        return failure if watched.killed is None else Failure(reason=watched.killed, details=watched.killed)

    def ended(self, trial_id: str) -> Watched:
        """The launch ended; returns and forgets it."""
        self._last_progress = self.clock()
        return self.by_trial.pop(trial_id)

    def stalled_s(self) -> float | None:
        """Seconds without progress if the phase is to end, else None. To be called repeatedly."""
        now = self.clock()
        if any(watched.trial is not None for watched in self.by_trial.values()):
            self._last_running = now
        silent_s = now - self._last_progress
        waited = min(silent_s, now - self._last_running)
        stalled = silent_s > (RETRIES + 2) * self.silence_s or waited > self.silence_s
        return silent_s if self.by_trial and stalled else None

    def silent(self) -> list[tuple[Watched, float]]:
        """Trials to kill, and for how many seconds each has been silent; each is returned once per start."""
        now = self.clock()
        running = [watched for watched in self.by_trial.values() if watched.trial is not None]
        waiting = [(watched, now - watched.last_progress) for watched in running if watched.killed is None]
        return [(watched, seconds) for watched, seconds in waiting if seconds > self.silence_s]
