"""A phase of a search: starts its trials and records their reports. Independent of Ray and MLflow.

Everything is recorded in the run logger first, which is durable, and then in the study. If the driver dies in between,
the trial is unfinished in the study; its epochs are reported again, and recording them again changes nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, get_args

from msd_ray.common.files import new_file
from msd_ray.common.manifest import DamagedError
from msd_ray.method.settings import dev_metric
from msd_ray.storage.artifacts import ensure_local
from msd_ray.storage.object_store import StoreError

from .parameters import JSON
from .plans import Experiment, Failure, Launch, TrialPlan, TrialReport
from .progress import Display, FinishedTrial, PhaseCounts
from .studies import PhaseStudy, TrialRecord

Ending = Literal["COMPLETE", "PRUNED", "FAIL"]
RESULTS = "results"
"""Artifact path of a run's result files (see `results`)."""
FAILURES = "failures"
"""Artifact path of the tracebacks of a run's failed attempts."""


class RunLogger(Protocol):
    """Records runs by key, which is unique in the study. Every call is idempotent.

    A record is durable when a call returns, but may not be in MLflow yet (`tracking.run_logger.JournaledRunLogger`).
    """

    def child(self, key: str, *, name: str, parameters: Mapping[str, JSON], tags: Mapping[str, str]) -> None:
        """Create the run with this key, unless it exists."""

    def run_id(self, key: str) -> str | None:
        """MLflow's id of the run; None until MLflow has created it."""

    def log_epoch(self, key: str, *, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Record an epoch's metrics."""

    def log_file(self, key: str, path: Path, artifact_path: str | None = None) -> None:
        """Store a file, or the files of a directory, as artifacts of the run."""

    def finish(
        self,
        key: str,
        *,
        state: Ending,
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """End the run."""

    def check(self) -> None:
        """Raise UserError if MLflow rejected a record."""


@dataclass(frozen=True, kw_only=True)
class RunLabel:
    """Key, name, parameters and tags of a trial's run: see `RunLogger.child`."""

    key: str
    name: str
    parameters: Mapping[str, JSON]
    tags: Mapping[str, str]


@dataclass(kw_only=True)
class _Running:
    plan: TrialPlan
    label: RunLabel
    original: int  # number of the trial that it retries, or its own
    known: int = 0  # last epoch that an earlier driver recorded
    epoch: int = 0
    best: float | None = None
    since: float = field(default_factory=time.monotonic)
    new_epochs: int = 0


@dataclass(kw_only=True)
class Phase:
    """One phase of a study.

    Args:
        name: teacher, student, confirm or final.
        experiment: what all trials share.
        study: the phase's study.
        plan: what a trial of the study does.
        label: key, name, parameters and tags of a trial's run.
        run_logger: records runs.
        display: shows progress.
        threads: CPU threads per worker.
        one_launch_per_seed: whether consecutive trials with the same seed share a launch.
        may_start: whether a new trial may start; called before each one.
        never_pruned: trials that are never pruned, nor are their retries.
    """

    name: str
    experiment: Experiment
    study: PhaseStudy
    plan: Callable[[TrialRecord], TrialPlan]
    label: Callable[[TrialRecord, TrialPlan], RunLabel]
    run_logger: RunLogger
    display: Display
    threads: int
    one_launch_per_seed: bool = False
    may_start: Callable[[], bool] = lambda: True
    never_pruned: Collection[int] = ()
    _running: dict[int, _Running] = field(default_factory=dict)
    _next: TrialRecord | None = None  # proposed, but not part of the previous launch
    _finished: list[FinishedTrial] = field(default_factory=list)
    _ended: Counter[str] = field(default_factory=Counter)
    _best: float | None = None
    _without_run_id: dict[str, int] = field(default_factory=dict)  # trials by key whose run ids the study lacks

    def __post_init__(self) -> None:
        # Read once: reading all trials of a long study at every report would cost more than recording the report.
        known = self.study.run_ids()
        for trial in self.study.trials():
            self._count(trial.state, trial.value)
            if trial.state in get_args(Ending) and trial.number not in known:
                self._without_run_id[self.label(trial, self.plan(trial)).key] = trial.number

    @property
    def score(self) -> str:
        """The metric that ranks trials; higher is better."""
        return dev_metric(self.experiment.select_on)

    def check(self) -> None:
        """Store run ids; to be called regularly. Raises UserError if MLflow rejected a record."""
        self.run_logger.check()
        self.store_run_ids()

    def store_run_ids(self) -> None:
        """Store the run ids that MLflow has assigned by now in the study, including those of earlier starts."""
        for key, number in list(self._without_run_id.items()):
            run_id = self.run_logger.run_id(key)
            if run_id is not None:
                self.study.set_run_id(number, run_id)
                del self._without_run_id[key]

    def next_launch(self) -> Launch | None:
        """The next launch to start; None if there is no further trial."""
        self.store_run_ids()
        first = self._next_record()
        if first is None:
            return None
        plans = [self._start(first)]
        while self.one_launch_per_seed and (record := self._next_record()) is not None:
            if self.plan(record).run.seed != plans[0].run.seed:
                self._next = record
                break
            plans.append(self._start(record))
        self._update_display()
        return Launch(experiment=self.experiment, trials=tuple(plans), threads=self.threads)

    def on_report(self, report: TrialReport) -> bool:
        """Record a trial's report. Returns whether its launch must stop because the trial is pruned."""
        self.store_run_ids()
        running = self._running.get(report.number)
        if running is None:
            # A worker may report once more before its trial is stopped.
            return False
        if report.warning is not None:
            self.display.line(f"{running.label.key}: {report.warning}")
        if report.finished:
            self._end(running, report)
        elif report.epoch is not None:
            return self._on_epoch(running, report, report.epoch)
        return False

    def on_failure(self, launch: Launch, failure: Failure) -> None:
        """Record a failed attempt at a launch with its traceback; either a retry or `on_launch_end` follows."""
        # Trials run in order: the first one that has not ended failed.
        running = next((self._running[plan.number] for plan in launch.trials if plan.number in self._running), None)
        if running is not None:
            with self.experiment.storage.writing():
                path = self.experiment.storage.failure(running.label.key, datetime.now())
                with new_file(path) as scratch:
                    scratch.write_text(failure.details, encoding="utf-8")
            self.run_logger.log_file(running.label.key, path, FAILURES)
            self.display.line(f"{running.label.key}: attempt failed after epoch {running.epoch}: {failure.reason}")

    def on_launch_end(self, launch: Launch, error: str | None) -> None:
        """Handle the end of a launch: its unfinished trials fail with `error` as their reason."""
        for plan in launch.trials:
            running = self._running.get(plan.number)
            if running is not None:
                self._fail(running, error or "its worker ended without a result")

    def _next_record(self) -> TrialRecord | None:
        record, self._next = self._next, None
        return record if record is not None else self.study.propose(self.may_start)

    def _start(self, record: TrialRecord) -> TrialPlan:
        plan = self.plan(record)
        label = self.label(record, plan)
        self.run_logger.child(
            label.key, name=label.name, parameters=label.parameters, tags={**label.tags, "trial": str(plan.number)}
        )
        self._without_run_id[label.key] = plan.number
        best = max(record.values.values(), default=None)
        known = max(record.values, default=0)
        self._running[plan.number] = _Running(plan=plan, label=label, original=record.original, known=known, best=best)
        return plan

    def _on_epoch(self, running: _Running, report: TrialReport, epoch: int) -> bool:
        number, value = running.plan.number, report.metrics[self.score]
        self.run_logger.log_epoch(
            running.label.key, epoch=epoch, metrics=report.metrics, timestamp_ms=report.timestamp_ms
        )
        self.study.report(number, epoch, value)
        # An epoch before the last known one was compared when it was new, with the trials that existed then.
        compared = epoch < max(running.known, running.epoch)
        running.new_epochs += epoch > running.epoch
        running.epoch = max(running.epoch, epoch)
        running.best = value if running.best is None else max(running.best, value)
        exempt = compared or running.original in self.never_pruned
        if not exempt and self.study.should_stop(number, epoch):
            self.run_logger.finish(
                running.label.key,
                state="PRUNED",
                reason=f"pruned by ASHA at epoch {epoch} with dev F1 {100 * value:.2f}",
                metrics={self.score: running.best},
            )
            self.study.prune(number, running.best)
            self._remove(running, "PRUNED", f"PRUNED at epoch {epoch}, best dev F1 {100 * running.best:.2f}")
            return True
        self._update_display()
        return False

    def _end(self, running: _Running, report: TrialReport) -> None:
        if report.reason is not None:
            self._fail(running, report.reason)
            return
        value = report.metrics[self.score]
        if report.files is not None:
            try:
                storage = self.experiment.storage
                files = ensure_local(storage, storage.root / report.files)
            except (DamagedError, StoreError) as error:
                self._fail(running, str(error))
                return
            self.run_logger.log_file(running.label.key, files, RESULTS)
        self.run_logger.finish(running.label.key, state="COMPLETE", metrics=report.metrics, tags=report.tags)
        self.study.complete(running.plan.number, value)
        self._remove(running, "COMPLETE", f"COMPLETE, dev F1 {100 * value:.2f}", value)

    def _fail(self, running: _Running, reason: str) -> None:
        self.run_logger.finish(running.label.key, state="FAIL", reason=reason)
        self.study.fail(running.plan.number, reason)
        self._remove(running, "FAIL", f"FAIL: {reason}")

    def _remove(self, running: _Running, state: Ending, outcome: str, value: float | None = None) -> None:
        del self._running[running.plan.number]
        self._count(state, value)
        if running.new_epochs:
            seconds = time.monotonic() - running.since
            self._finished.append(FinishedTrial(seconds=seconds, epochs=running.new_epochs))
        self._update_display()
        self.display.line(f"{running.label.key}: {outcome}")

    def _count(self, state: str, value: float | None) -> None:
        self._ended[state] += 1
        if state == "COMPLETE" and value is not None:
            self._best = value if self._best is None else max(self._best, value)

    def _update_display(self) -> None:
        self.display.update(
            PhaseCounts(
                complete=self._ended["COMPLETE"],
                pruned=self._ended["PRUNED"],
                failed=self._ended["FAIL"],
                running={r.label.key: (r.epoch, r.plan.records) for r in self._running.values()},
                best=self._best,
                finished=tuple(self._finished),
            )
        )
