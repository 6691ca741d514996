"""State of a running trial in the driver."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from .parameters import JSON
from .plans import TrialPlan
from .progress import RunningTrial
from .records import RunLabel


@dataclass(kw_only=True)
class Running:
    """A trial between its start and its end, and what has been heard of it."""

    plan: TrialPlan
    label: RunLabel
    parameters: Mapping[str, JSON]  # those that are displayed
    launch: int  # number of the first trial of its launch
    original: int  # number of the trial that it retries, or its own
    known: int = 0  # last epoch that an earlier driver recorded
    epoch: int = 0
    best: float | None = None
    started: float | None = None  # None: an earlier trial of its launch runs
    train_s: float | None = None
    pending_since: float | None = None
    again: bool = False  # it has ended in the study, and only its record is made again

    def set_pending(self, pending: bool) -> bool:
        """Whether this is new. The time that the trial waits for resources is no part of its duration."""
        if pending == (self.pending_since is not None):
            return False
        now = time.monotonic()
        if self.pending_since is not None and self.started is not None:
            self.started += now - self.pending_since
        self.pending_since = now if pending else None
        return True

    @property
    def shown(self) -> RunningTrial:
        """The trial as it is displayed."""
        return RunningTrial(
            key=self.label.key,
            number=self.plan.number,
            started=None if self.pending_since is not None else self.started,
            pending=self.pending_since is not None,
            known=self.known,
            done=self.epoch,
            epochs=self.plan.records,
            train_s=self.train_s,
            student=self.plan.configurations[0].student is not None,
        )
