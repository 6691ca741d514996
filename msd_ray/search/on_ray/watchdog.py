"""Nothing waits for ever: a trial that gives no news is ended, and a phase in which nothing goes on.

Three bounds, from one number of seconds S:

- A trial whose process runs and gives no news for S is killed, with its workers. Tune starts it again as it does after
  any death, from its last epoch, `RETRIES` times; then it has failed, and the reason says how long it was silent.
- A phase ends when no trial's process runs, nor any begins to, for S: the resources that they wait for do not come.
- A phase ends when no trial gives news for (RETRIES + 2) S: what hangs is not one trial, and the next would hang too.

News are an epoch, or that a trial began with something else (see `TrialReport.stage`). Time is the monotonic clock's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ray.tune.experiment import Trial

from ..plans import Failure, Launch
from .workers import RETRIES


class StalledError(Exception):
    """No trial made progress for longer than the bound: the message says for how long, and what Ray has."""


@dataclass(kw_only=True)
class Watched:
    """A launch between its start and its end.

    trial: Tune's, while its process runs. heard: the last news, on the monotonic clock. killed: why it was.
    failed: what the trial says of itself, where it ended in good order all the same.
    """

    launch: Launch
    trial: Trial | None = None
    heard: float = 0.0
    killed: str | None = None
    failed: Failure | None = None


@dataclass(kw_only=True)
class Watchdog:
    """Watches the launches of a phase. silence_s: the S above."""

    silence_s: float
    clock: Callable[[], float] = time.monotonic
    by_trial: dict[str, Watched] = field(default_factory=dict)
    _heard: float = 0.0
    _ran: float = 0.0

    def __post_init__(self) -> None:
        self._heard = self._ran = self.clock()

    def launched(self, trial_id: str, launch: Launch) -> None:
        """The launch waits for resources from now on."""
        self.by_trial[trial_id] = Watched(launch=launch)
        self._heard = self.clock()

    def started(self, trial: Trial) -> None:
        """The trial's process runs from now on."""
        watched = self.by_trial[trial.trial_id]
        watched.trial, watched.heard, watched.killed = trial, self.clock(), None

    def heard(self, trial_id: str) -> None:
        """There is news of a trial."""
        self._heard = self.clock()
        if trial_id in self.by_trial:
            self.by_trial[trial_id].heard = self._heard

    def died(self, trial_id: str, failure: Failure) -> Failure:
        """The trial's process is dead; the failure, or that this was who killed it."""
        watched = self.by_trial[trial_id]
        watched.trial = None
        return failure if watched.killed is None else Failure(reason=watched.killed, details=watched.killed)

    def ended(self, trial_id: str) -> Watched:
        """The launch is over."""
        self._heard = self.clock()
        return self.by_trial.pop(trial_id)

    def stalled_s(self) -> float | None:
        """For how many seconds there were no news, if that ends the phase. To be asked again and again."""
        now = self.clock()
        if any(watched.trial is not None for watched in self.by_trial.values()):
            self._ran = now
        quiet = now - self._heard
        waited = min(quiet, now - self._ran)
        stalled = quiet > (RETRIES + 2) * self.silence_s or waited > self.silence_s
        return quiet if self.by_trial and stalled else None

    def silent(self) -> list[tuple[Watched, float]]:
        """The trials to be killed, and for how many seconds each gave no news; each is named once a start."""
        now = self.clock()
        running = [watched for watched in self.by_trial.values() if watched.trial is not None]
        quiet = [(watched, now - watched.heard) for watched in running if watched.killed is None]
        return [(watched, seconds) for watched, seconds in quiet if seconds > self.silence_s]
