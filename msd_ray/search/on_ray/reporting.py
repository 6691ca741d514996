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


class ToTrial(UserCallback):
    """Hands what the first worker reports to the trial; it lives in Ray Train's controller."""

    def __init__(self, reports: Queue) -> None:
        self._reports = reports

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None) -> None:
        """Pass on the metrics; called for every report of all workers together."""
        self._reports.put(metrics[0])


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
