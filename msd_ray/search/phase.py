"""A phase of a search: starts its trials and records their reports. Independent of Ray and MLflow.

Everything is recorded in the run logger first, which is durable, and then in the study. If the driver dies in between,
the trial is unfinished in the study; its epochs are reported again, and recording them again changes nothing.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from msd_ray.common.files import new_file
from msd_ray.common.manifest import DamagedError
from msd_ray.method.settings import dev_metric
from msd_ray.storage.artifacts import ensure_local
from msd_ray.storage.object_store import StoreError

from .parameters import JSON
from .plans import Experiment, Failure, Launch, TrialPlan, TrialReport
from .progress import Display, EndedTrial, PhaseProgress
from .records import Ending, RunLabel, RunLogger
from .running import Running
from .studies import PhaseStudy, TrialRecord

RESULTS = "results"
"""Artifact path of a run's result files (see `results`)."""
FAILURES = "failures"
"""Artifact path of the tracebacks of a run's failed attempts."""


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
    _running: dict[int, Running] = field(default_factory=dict)
    _next: TrialRecord | None = None  # proposed, but not part of the previous launch
    _ended: list[EndedTrial] = field(default_factory=list)
    _without_run_id: dict[str, int] = field(default_factory=dict)  # trials by key whose run ids the study lacks
    _again: deque[TrialRecord] = field(default_factory=deque)  # ended trials that run again, for their records

    def __post_init__(self) -> None:
        # Read once: reading all trials of a long study at every report would cost more than recording the report.
        known = self.study.run_ids()
        for trial in self.study.trials():
            if trial.state in get_args(Ending):
                label = self.label(trial, self.plan(trial))
                self._ended.append(
                    EndedTrial(
                        key=label.key,
                        number=trial.number,
                        state=trial.state,  # type: ignore[arg-type]
                        value=trial.value,
                        parameters=self._shown_parameters(trial, label),
                        note=trial.reason or "",
                    )
                )
                if trial.number not in known:
                    self._without_run_id[label.key] = trial.number
        self._update_display()

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

    def run_again(self, trials: Iterable[TrialRecord]) -> None:
        """Let ended trials run again, for their records alone: the study is not changed."""
        self._again.extend(trials)

    def next_launch(self) -> Launch | None:
        """The next launch to start; None if there is no further trial."""
        self.store_run_ids()
        first = self._next_record()
        if first is None:
            return None
        plans = [self._start(first, first.number)]
        while self.one_launch_per_seed and (record := self._next_record()) is not None:
            if self.plan(record).run.seed != plans[0].run.seed:
                self._next = record
                break
            plans.append(self._start(record, first.number))
        self._update_display()
        return Launch(experiment=self.experiment, trials=tuple(plans), threads=self.threads)

    def on_pending(self, launches: Sequence[Launch]) -> None:
        """Show that these launches wait for resources, and that the others do not."""
        pending = {plan.number for launch in launches for plan in launch.trials}
        changed = [running.set_pending(number in pending) for number, running in self._running.items()]
        if any(changed):
            self._update_display()

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

    def on_preemption(self, launch: Launch) -> None:
        """Show that the launch's node is about to be reclaimed."""
        if (running := self._current(launch)) is not None:
            self.display.line(
                f"{running.label.key}: its node will be reclaimed; another resumes from its last checkpoint"
            )

    def on_failure(self, launch: Launch, failure: Failure) -> None:
        """Record a failed attempt at a launch with its traceback; either a retry or `on_launch_end` follows."""
        running = self._current(launch)
        if running is not None:
            with self.experiment.storage.writing():
                path = self.experiment.storage.failure(running.label.key, datetime.now())
                with new_file(path) as scratch:
                    scratch.write_text(failure.details, encoding="utf-8")
            self.run_logger.log_file(running.label.key, path, FAILURES)
            attempt = "attempt interrupted" if failure.preempted else "attempt failed"
            self.display.line(f"{running.label.key}: {attempt} after epoch {running.epoch}: {failure.reason}")

    def on_launch_end(self, launch: Launch, error: str | None) -> None:
        """Handle the end of a launch: its unfinished trials fail with `error` as their reason."""
        for plan in launch.trials:
            running = self._running.get(plan.number)
            if running is not None:
                self._fail(running, error or "its worker ended without a result")

    def _current(self, launch: Launch) -> Running | None:
        """The launch's first trial that has not ended: trials run in order."""
        return next((self._running[plan.number] for plan in launch.trials if plan.number in self._running), None)

    def _next_record(self) -> TrialRecord | None:
        record, self._next = self._next, None
        if record is None and self._again:
            return self._again.popleft()
        return record if record is not None else self.study.propose(self.may_start)

    def _shown_parameters(self, record: TrialRecord, label: RunLabel) -> dict[str, JSON]:
        if "row" in label.tags:
            return {name: label.tags[name] for name in ("row", "seed")}
        return {name: record.parameters[name] for name in self.study.searched if name in record.parameters}

    def _start(self, record: TrialRecord, launch: int) -> TrialPlan:
        plan = self.plan(record)
        label = self.begin(record, plan)
        self._running[plan.number] = Running(
            plan=plan,
            label=label,
            parameters=self._shown_parameters(record, label),
            launch=launch,
            original=record.original,
            known=max(record.values, default=0),
            best=max(record.values.values(), default=None),
            started=time.monotonic() if plan.number == launch else None,
            again=record.state in get_args(Ending),
        )
        return plan

    def begin(self, record: TrialRecord, plan: TrialPlan) -> RunLabel:
        """Record that the trial's run begins."""
        label = self.label(record, plan)
        self.run_logger.child(
            label.key, name=label.name, parameters=label.parameters, tags={**label.tags, "trial": str(plan.number)}
        )
        self._without_run_id[label.key] = plan.number
        return label

    def _on_epoch(self, running: Running, report: TrialReport, epoch: int) -> bool:
        number, value = running.plan.number, report.metrics[self.score]
        self.run_logger.log_epoch(
            running.label.key, epoch=epoch, metrics=report.metrics, timestamp_ms=report.timestamp_ms
        )
        if not running.again:
            self.study.report(number, epoch, value)
        # An epoch before the last known one was compared when it was new, with the trials that existed then.
        compared = epoch < max(running.known, running.epoch)
        running.epoch = max(running.epoch, epoch)
        running.train_s = report.metrics.get("time/train_seconds", running.train_s)
        running.best = value if running.best is None else max(running.best, value)
        exempt = compared or running.again or running.original in self.never_pruned
        if not exempt and self.study.should_stop(number, epoch):
            self.run_logger.finish(
                running.label.key,
                state="PRUNED",
                reason=pruned_at(epoch, value),
                metrics={self.score: running.best},
            )
            self.study.prune(number, running.best)
            self._remove(running, "PRUNED", running.best, f"at epoch {epoch}")
            return True
        self._update_display()
        return False

    def _end(self, running: Running, report: TrialReport) -> None:
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
        if not running.again:
            self.study.complete(running.plan.number, value)
        self._remove(running, "COMPLETE", value)

    def _fail(self, running: Running, reason: str) -> None:
        self.run_logger.finish(running.label.key, state="FAIL", reason=reason)
        if not running.again:
            self.study.fail(running.plan.number, reason)
        self._remove(running, "FAIL", note=reason)

    def _remove(self, running: Running, state: Ending, value: float | None = None, note: str = "") -> None:
        now = time.monotonic()
        del self._running[running.plan.number]
        self._ended = [ended for ended in self._ended if ended.number != running.plan.number]
        self._ended.append(
            EndedTrial(
                key=running.label.key,
                number=running.plan.number,
                state=state,
                value=value,
                parameters=running.parameters,
                seconds=now - running.started if running.started is not None and running.known == 0 else None,
                note=note,
            )
        )
        following = next((one for one in self._running.values() if one.launch == running.launch), None)
        if following is not None:
            following.started = now
        self._update_display()

    def _update_display(self) -> None:
        running = tuple(running.shown for running in self._running.values())
        self.display.update(PhaseProgress(ended=tuple(self._ended), running=running))


def pruned_at(epoch: int, value: float) -> str:
    """Reason of a pruned trial."""
    return f"pruned by ASHA at epoch {epoch} with dev F1 {100 * value:.2f}"
