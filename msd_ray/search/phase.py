"""A phase of a search: hands out its trials, and records what comes back. Knows no Ray and no MLflow.

What is recorded goes first to the run records, which have it on disk then, and after that to the study: a driver that
dies in between finds the trial unfinished in the study, hears of its epochs again, and records the same again, which
changes nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, get_args

from msd_ray.common.files import new_file
from msd_ray.common.manifest import DamagedError
from msd_ray.storage.artifacts import ensure_local
from msd_ray.storage.object_store import StoreError

from .parameters import JSON
from .plans import Experiment, Failure, Launch, TrialPlan, TrialReport
from .progress import Display, FinishedTrial, PhaseCounts
from .studies import PhaseStudy, TrialRecord

Ending = Literal["COMPLETE", "PRUNED", "FAIL"]
RESULTS = "results"
"""Where a run keeps its files (see `results`)."""
FAILURES = "failures"
"""Where a run keeps what its failed attempts said."""


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
    known: int = 0  # the last epoch that an earlier start reported
    epoch: int = 0
    best: float | None = None
    since: float = field(default_factory=time.monotonic)
    new_epochs: int = 0


@dataclass(kw_only=True)
class Phase:
    """name: teacher, student or final. score: the metric that ranks trials (higher is better).

    plan, label: what a trial of the study does, and how it is called. together: trials that may share a launch, by
    what this function gives for them; None gives every trial a launch of its own. more: whether new trials shall begin.
    spared: trials never stopped early.
    """

    name: str
    experiment: Experiment
    study: PhaseStudy
    score: str
    plan: Callable[[TrialRecord], TrialPlan]
    label: Callable[[TrialRecord, TrialPlan], RunLabel]
    run_logger: RunLogger
    display: Display
    threads: int
    together: Callable[[TrialPlan], int] | None = None
    more: Callable[[], bool] = lambda: True
    spared: frozenset[int] = frozenset()
    _running: dict[int, _Running] = field(default_factory=dict)
    _held: TrialRecord | None = None
    _finished: list[FinishedTrial] = field(default_factory=list)
    _ended: Counter[str] = field(default_factory=Counter)
    _best: float | None = None
    _unnamed: dict[str, int] = field(default_factory=dict)  # trials by key whose run ids the study does not hold

    def __post_init__(self) -> None:
        # Asked for once: all trials of a long study at every report would cost more than recording the report.
        known = self.study.run_ids()
        for trial in self.study.trials():
            self._count(trial.state, trial.value)
            if trial.state in get_args(Ending) and trial.number not in known:
                self._unnamed[self.label(trial, self.plan(trial)).key] = trial.number

    def check(self) -> None:
        """Call it every now and then: raises UserError if the records refuse something; tells the study run ids."""
        self.run_logger.check()
        self.note_run_ids()

    def note_run_ids(self) -> None:
        """Tell the study the ids of its trials' runs that are known by now, also those of earlier starts."""
        for key, number in list(self._unnamed.items()):
            run_id = self.run_logger.run_id(key)
            if run_id is not None:
                self.study.set_run_id(number, run_id)
                del self._unnamed[key]

    def next_launch(self) -> Launch | None:
        """What to start next; None when every trial of the phase has been handed out."""
        self.note_run_ids()
        first = self._next_record()
        if first is None:
            return None
        plans = [self._begin(first)]
        if self.together is not None:
            while (record := self._next_record()) is not None:
                if self.together(self.plan(record)) != self.together(plans[0]):
                    self._held = record
                    break
                plans.append(self._begin(record))
        self._show()
        return Launch(experiment=self.experiment, trials=tuple(plans), threads=self.threads)

    def on_report(self, report: TrialReport) -> bool:
        """Record news of a trial; True when its launch is to be stopped, for the trial is among the weak ones."""
        self.note_run_ids()
        running = self._running.get(report.number)
        if running is None:
            # A worker may report once more before it hears that its trial has been stopped.
            return False
        if report.warning is not None:
            self.display.line(f"{running.label.key}: {report.warning}")
        if report.finished:
            self._end(running, report)
        elif report.epoch is not None:
            return self._on_epoch(running, report, report.epoch)
        return False

    def on_failure(self, launch: Launch, failure: Failure) -> None:
        """An attempt at a launch died; another one follows, unless `on_launch_end` does. All that it said is kept."""
        # Trials run in order: it died in the first that has not ended.
        running = next((self._running[plan.number] for plan in launch.trials if plan.number in self._running), None)
        if running is not None:
            with self.experiment.storage.writing():
                path = self.experiment.storage.failure(running.label.key, datetime.now())
                with new_file(path) as scratch:
                    scratch.write_text(failure.details, encoding="utf-8")
            self.run_logger.log_file(running.label.key, path, FAILURES)
            self.display.line(f"{running.label.key}: attempt failed after epoch {running.epoch}: {failure.reason}")

    def on_launch_end(self, launch: Launch, error: str | None) -> None:
        """A launch is over; trials of it that did not end fail with the error as reason."""
        for plan in launch.trials:
            running = self._running.get(plan.number)
            if running is not None:
                reason = error or "its worker ended without a result"
                self._fail(running, reason)

    def _next_record(self) -> TrialRecord | None:
        record, self._held = self._held, None
        return record if record is not None else self.study.propose(self.more)

    def _begin(self, record: TrialRecord) -> TrialPlan:
        plan = self.plan(record)
        label = self.label(record, plan)
        self.run_logger.child(
            label.key, name=label.name, parameters=label.parameters, tags={**label.tags, "trial": str(plan.number)}
        )
        self._unnamed[label.key] = plan.number
        best = max(record.values.values(), default=None)
        self._running[plan.number] = _Running(plan=plan, label=label, known=max(record.values, default=0), best=best)
        return plan

    def _on_epoch(self, running: _Running, report: TrialReport, epoch: int) -> bool:
        number, value = running.plan.number, report.metrics[self.score]
        self.run_logger.log_epoch(
            running.label.key, epoch=epoch, metrics=report.metrics, timestamp_ms=report.timestamp_ms
        )
        self.study.report(number, epoch, value)
        # An epoch that a training went on from was judged when it was new, among the trials that there were then.
        judged = epoch < max(running.known, running.epoch)
        running.new_epochs += epoch > running.epoch
        running.epoch = max(running.epoch, epoch)
        running.best = value if running.best is None else max(running.best, value)
        if number not in self.spared and not judged and self.study.should_stop(number, epoch):
            self.run_logger.finish(
                running.label.key,
                state="PRUNED",
                reason=f"among the weaker trials at epoch {epoch}",
                metrics={self.score: running.best},
            )
            self.study.prune(number, running.best)
            self._forget(running, "PRUNED", f"PRUNED at epoch {epoch}, best dev F1 {100 * running.best:.2f}")
            return True
        self._show()
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
        self._forget(running, "COMPLETE", f"COMPLETE, dev F1 {100 * value:.2f}", value)

    def _fail(self, running: _Running, reason: str) -> None:
        self.run_logger.finish(running.label.key, state="FAIL", reason=reason)
        self.study.fail(running.plan.number, reason)
        self._forget(running, "FAIL", f"FAIL: {reason}")

    def _forget(self, running: _Running, state: Ending, outcome: str, value: float | None = None) -> None:
        del self._running[running.plan.number]
        self._count(state, value)
        if running.new_epochs:
            seconds = time.monotonic() - running.since
            self._finished.append(FinishedTrial(seconds=seconds, epochs=running.new_epochs))
        self._show()
        self.display.line(f"{running.label.key}: {outcome}")

    def _count(self, state: str, value: float | None) -> None:
        self._ended[state] += 1
        if state == "COMPLETE" and value is not None:
            self._best = value if self._best is None else max(self._best, value)

    def _show(self) -> None:
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
