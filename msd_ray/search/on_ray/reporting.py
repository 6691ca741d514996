"""How reports come from a Ray Train run's workers to the Tune trial around it.

Ray's own callback for this (`TuneReportCallback`) lets the trial's main thread put a report into the queue that only
this thread empties. The queue has one place, and a function that returns takes it: a trial whose last report is still
on its way then, because Tune's driver was busy, stands still for ever. Here a thread beside the function reports as
any function may, and the function returns when all has been reported.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray import tune
from ray.train import Checkpoint, UserCallback
from ray.util.queue import Queue

from ..plans import Failure
from .failures import worker_failure


class ToTrial(UserCallback):
    """Hands what the first worker reports to the trial, and what workers die of; it lives in Ray Train's controller."""

    def __init__(self, reports: Queue) -> None:
        self._reports = reports

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:
        """Pass on the metrics; called for every report of all workers together."""
        self._reports.put(metrics[0])

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Pass on the failure; called before Ray Train decides whether to start the workers again."""
        self._reports.put(failure_result(worker_failure(worker_exceptions)))


def failure_result(failure: Failure, *, last: bool = False) -> dict[str, Any]:
    """A failed attempt as Ray Tune's result. last: no other follows, and the trial ends."""
    return {"failure": failure, "last": last}


@contextmanager
def reports_to_trial() -> Iterator[ToTrial]:
    """The callback for a Ray Train run inside this block; after it every report has reached Tune."""
    reports = Queue(actor_options={"num_cpus": 0})

    def forward() -> None:
        while (report := reports.get()) is not None:
            tune.report(report)

    forwarder = threading.Thread(target=forward, name="reports to Tune", daemon=True)
    forwarder.start()
    try:
        yield ToTrial(reports)
    finally:
        reports.put(None)
        forwarder.join()
        reports.shutdown()
