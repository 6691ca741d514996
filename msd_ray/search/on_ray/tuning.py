"""Run a phase on Ray Tune: Tune runs the trials, the phase decides."""

import logging
import math
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray import tune
from ray.tune.callback import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from ..phase import Phase
from ..plans import Launch
from ..work import run_launch
from .placement import CHECK_EVERY_S, free_abandoned, free_all, groups_of_this_job, pending_creators
from .private import DEFAULT_ENV_VARS, ENV_VARS_TO_PROPAGATE
from .reporting import preemption, trial_failure
from .resources import Resources
from .run_files import RunFiles
from .watchdog import StalledError, Watchdog
from .workers import RETRIES, Work, trainable

# Tune would propagate the driver's AWS keys to its trials, whose command lines show them to every user.
ENV_VARS_TO_PROPAGATE.difference_update([name for name in ENV_VARS_TO_PROPAGATE if name.startswith("AWS_")])
# A trial trains in a thread, for which the C library would create arenas of 64 MB: few of a large batch's tensors fit
# into one, and most of their free memory stays unused.
DEFAULT_ENV_VARS.setdefault("MALLOC_ARENA_MAX", os.environ.get("MALLOC_ARENA_MAX", "1"))


NOTE_S = 60.0
"""Seconds without resources for any trial after which a line says so."""


def run_phase(
    phase: Phase, resources: Resources, *, stall_s: float, wait_s: float = math.inf, work: Work = run_launch
) -> None:
    """Run every unfinished trial of the phase.

    Args:
        phase: the phase.
        resources: of each trial.
        stall_s: seconds of silence after which a trial is killed, see `watchdog`.
        wait_s: seconds that the phase may wait for resources.
        work: what a trial without workers runs in its own process.

    Raises:
        StalledError: the phase makes no progress, or gets no resources.
        KeyboardInterrupt: immediately.
    """
    files = RunFiles.of(phase.experiment.storage)
    name = f"{phase.name}-{uuid.uuid4().hex[:8]}"
    launches = _Launches(phase, Watchdog(silence_s=stall_s, wait_s=wait_s))
    # Its warnings are about files that nothing reads here; errors arrive as exceptions, which it would also print.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    tuner = tune.Tuner(
        trainable(resources, name, work),
        tune_config=tune.TuneConfig(
            search_alg=_PhaseSearcher(launches),
            scheduler=_PhaseScheduler(launches),
            num_samples=-1,
            max_concurrent_trials=resources.concurrent,
            reuse_actors=resources.workers == 0,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            name=name,
            **files.arguments,
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            callbacks=[_PhaseCallback(launches)],
            verbose=0,
        ),
    )
    try:
        with phase.experiment.storage.writing():
            tuner.fit()
    except Exception:
        launches.reraise()
        raise
    finally:
        files.below(name).remove()
    launches.reraise()
    free_all()


class _Launches:
    """Translates between Tune's trials and the phase's launches."""

    def __init__(self, phase: Phase, watchdog: Watchdog) -> None:
        self.phase = phase
        self.watchdog = watchdog
        self._last_check = -math.inf
        self._noted = False
        self._error: Exception | None = None
        self._requeued: list[Launch] = []
        self._requeued_once: set[int] = set()
        self._exhausted = False
        self._finished = False

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Exclude this object from Tune's files, in which Tune stores its searcher, scheduler and callbacks."""
        return object, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Launches":
        return self

    @contextmanager
    def _remember_error(self) -> Iterator[None]:
        """Record an exception of the phase, which Tune would replace, attribute to the trial, or drop."""
        try:
            yield
        except Exception as error:
            self._error = self._error or error
            raise

    def suggest(self, trial_id: str) -> Launch | None:
        """The next launch; None if there is none now, or, if `finished`, none any more."""
        with self._remember_error():
            if self._requeued:
                launch: Launch | None = self._requeued.pop(0)
            else:
                launch = None if self._exhausted else self.phase.next_launch()
        if launch is not None:
            self.watchdog.launched(trial_id, launch)
        self._exhausted = launch is None
        return launch

    @property
    def finished(self) -> bool:
        """Whether no launch will be handed out any more. One that has not begun may have to be requeued."""
        waiting = any(watched.trial is None for watched in self.watchdog.by_trial.values())
        self._finished = self._finished or (self._exhausted and not waiting)
        return self._finished

    def on_result(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether to stop the trial."""
        if "controller" in result:
            self.watchdog.has_controller(trial_id, result["controller"])
            return False
        if "preempted" in result:
            if watched := self.watchdog.by_trial.get(trial_id):
                self.phase.on_preemption(watched.launch)
            return False
        self.watchdog.progressed(trial_id)
        with self._remember_error():
            if "failure" not in result:
                return self.phase.on_report(result["report"])
            if watched := self.watchdog.by_trial.get(trial_id):
                if result["last"]:
                    watched.failed = result["failure"]
                else:
                    self.phase.on_failure(watched.launch, result["failure"])
        return False

    def on_retry(self, trial: Trial) -> None:
        failure = self.watchdog.died(trial.trial_id, trial_failure(trial))
        watched = self.watchdog.by_trial[trial.trial_id]
        if trial.num_failures == watched.failures:
            failure = preemption(failure)  # which Tune does not count
        watched.failures = trial.num_failures
        with self._remember_error():
            self.phase.on_failure(watched.launch, failure)

    def on_error(self, trial: Trial) -> None:
        if self._error is not None:
            return  # the trial ends because of this error
        began = self.watchdog.by_trial[trial.trial_id].trial is not None
        failure = self.watchdog.died(trial.trial_id, trial_failure(trial))
        launch = self.watchdog.ended(trial.trial_id).launch
        with self._remember_error():
            self.phase.on_failure(launch, failure)
            if not began and self._requeue(launch):
                return
            self.phase.on_launch_end(launch, failure.reason)

    def _requeue(self, launch: Launch) -> bool:
        """Requeue a launch that did not begin, once; returns whether it was.

        If the process that was to be reused for it has died, Tune does not retry.
        """
        number = launch.trials[0].number
        if self._finished or number in self._requeued_once:
            return False
        self._requeued_once.add(number)
        self._requeued.append(launch)
        return True

    def on_complete(self, trial: Trial) -> None:
        watched = self.watchdog.ended(trial.trial_id)
        with self._remember_error():
            self.phase.on_launch_end(watched.launch, None if watched.failed is None else watched.failed.reason)

    def check(self) -> None:
        """Kill silent trials, free abandoned resources, detect waiting and stalls; called frequently."""
        self.reraise()
        with self._remember_error():
            self.phase.check()
        if time.monotonic() - self._last_check > CHECK_EVERY_S:
            groups = groups_of_this_job()
            free_abandoned(groups)
            self.watchdog.awaited(pending_creators(groups))
            self._last_check = time.monotonic()
        with self._remember_error():
            self.phase.on_pending(self.watchdog.pending)
        self._note_waiting()
        if (reason := self.watchdog.stalled()) is not None:
            self._error = StalledError(
                f"{reason}; {len(self.watchdog.by_trial)} trials are pending; {_free_resources()}"
            )
            raise self._error
        for watched, seconds in self.watchdog.silent():
            watched.killed = f"silent for {seconds:.0f} s: terminated; {_free_resources()}"
            if watched.trial is not None and (actor := watched.trial.temporary_state.ray_actor) is not None:
                # The trial's workers die with it; Ray sends SIGKILL to processes that do not answer.
                ray.kill(actor)

    def _note_waiting(self) -> None:
        """Print once per wait that no trial has resources."""
        if not self._noted and self.watchdog.waited_s > NOTE_S:
            self.phase.display.line(
                f"no trial has resources: {len(self.watchdog.pending)} are pending; {_free_resources()}"
            )
        self._noted = self.watchdog.waited_s > NOTE_S

    def reraise(self) -> None:
        """Raise what the phase raised, if anything."""
        if self._error is not None:
            raise self._error


class _PhaseSearcher(Searcher):
    """Source of Tune's trials."""

    def __init__(self, launches: _Launches) -> None:
        super().__init__()
        self._launches = launches

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """The next launch as a Tune configuration, None for none now, or Tune's constant for no more."""
        launch = self._launches.suggest(trial_id)
        if launch is not None:
            return {"launch": launch}
        return Searcher.FINISHED if self._launches.finished else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Unused: the scheduler is notified of a trial's end with the trial, and so with its error."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing is saved: the study is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing is restored: the study is the state."""


class _PhaseScheduler(FIFOScheduler):
    """Passes Tune's results to the phase, and the phase's decisions to stop trials to Tune."""

    def __init__(self, launches: _Launches) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._launches = launches

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        stop = self._launches.on_result(trial.trial_id, result)
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE


class _PhaseCallback(Callback):
    """Notified by Tune when its trials' processes start, die, restart and end."""

    def __init__(self, launches: _Launches) -> None:
        self._launches = launches

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._launches.check()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._launches.watchdog.started(trial)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._launches.on_retry(trial)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._launches.on_complete(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._launches.on_error(trial)


def _free_resources() -> str:
    free = ray.available_resources()  # type: ignore[no-untyped-call]
    return f"the cluster has free: {free.get('CPU', 0):g} CPUs, {free.get('GPU', 0):g} GPUs"
