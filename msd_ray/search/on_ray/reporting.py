"""Reports and failures of trials, and their path from Ray Train's workers to Tune.

Ray's own callback for this (`TuneReportCallback`) makes the trial's main thread put reports into a queue that only this
thread empties. The queue has one slot, which a returning function takes too: a trial whose last report is still pending
then, because Tune's driver was busy, hangs for ever. Here a separate thread reports as any function may, and the
function returns when everything has been reported.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayActorError
from ray.train import Checkpoint, UserCallback
from ray.train.v2.api.callback import RayTrainCallback
from ray.tune.experiment import Trial
from ray.util.queue import Queue

from ..plans import Failure
from .private import ControllerCallback, PreemptingState, WorkerGroupCallback

_OUT_OF_MEMORY = "running low on memory"
_GUESSES = ("Some common causes", "There are some potential root causes")
"""Beginnings of Ray's lists of possible causes, which are long and always the same."""


class TrialReporter(UserCallback):
    """Callback in Ray Train's controller: passes reports and failures of workers to the trial."""

    def __init__(self, reports: Queue) -> None:
        self._reports = reports

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:
        """Pass on the metrics; called once per report of all workers."""
        self._reports.put(metrics[0])

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Pass on the failure; called before Ray Train decides whether to restart the workers."""
        self._reports.put(failure_result(worker_failure(worker_exceptions)))


class ControllerReporter(WorkerGroupCallback, ControllerCallback):
    """Callback in Ray Train's controller: reports where the workers are with their resources."""

    def __init__(self, reports: Queue) -> None:
        self._reports = reports

    def before_worker_group_start(self, worker_group_context: Any) -> None:
        """Name the controller before it reserves resources; whether it waits for them is in Ray's tables."""
        self._reports.put({"controller": ray.get_runtime_context().get_actor_id()})

    def after_controller_state_update(self, previous_state: Any, current_state: Any) -> None:
        """Report the warning that a worker's node is about to be reclaimed, once."""
        if isinstance(current_state, PreemptingState) and not isinstance(previous_state, PreemptingState):
            self._reports.put({"preempted": True})


def failure_result(failure: Failure, *, last: bool = False) -> dict[str, Any]:
    """A failed attempt as Tune's result. last: no other attempt follows, and the trial ends."""
    return {"failure": failure, "last": last}


@contextmanager
def forward_reports() -> Iterator[list[RayTrainCallback]]:
    """Provide the callbacks for a Ray Train run; on exit, all reports have reached Tune."""
    reports = Queue(actor_options={"num_cpus": 0})

    def forward() -> None:
        while (report := reports.get()) is not None:
            tune.report(report)

    forwarder = threading.Thread(target=forward, name="reports to Tune", daemon=True)
    forwarder.start()
    try:
        yield [TrialReporter(reports), ControllerReporter(reports)]
    finally:
        reports.put(None)
        forwarder.join()
        reports.shutdown()


def worker_failure(errors: dict[int, Exception]) -> Failure:
    """The first worker's failure: those of the others are often its consequence.

    If a node was reclaimed, that is the cause of all of them.
    """
    failure = failure_from(str(errors[min(errors)]))
    causes = [getattr(error, "health_check_failure", error) for error in errors.values()]
    preempted = any(isinstance(cause, RayActorError) and cause.preempted for cause in causes)
    return preemption(failure) if preempted else failure


def trial_failure(trial: Trial) -> Failure:
    """The failure of a Tune trial's last attempt; Tune appends all attempts to one file."""
    error_file = trial.error_file
    if error_file and Path(error_file).exists():
        text = Path(error_file).read_text(encoding="utf-8")
        _, _, last = text.rpartition("\nFailure # ")
        return failure_from(last)
    return failure_from("")


def preemption(failure: Failure) -> Failure:
    """The failure of an attempt whose node was reclaimed after a warning."""
    return replace(failure, reason="its node was reclaimed", preempted=True)


def failure_from(text: str) -> Failure:
    """Parse a failure: its reason is the last line of the text, where a traceback names the exception."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        return Failure(reason="its process ended without a message", details="")
    # Ray's memory monitor writes first what it did, and last where to read about it.
    monitor = (line for line in lines if _OUT_OF_MEMORY in line)
    reason = next(monitor, lines[-1])
    for guess in _GUESSES:
        reason = reason.partition(guess)[0].strip()
    return Failure(reason=reason, details=text)
