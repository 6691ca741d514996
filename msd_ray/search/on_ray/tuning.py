"""A phase on Ray Tune: its trials are Tune's, its decisions are the study's."""

import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray import tune
from ray.tune.callback import Callback
from ray.tune.execution.class_cache import DEFAULT_ENV_VARS, ENV_VARS_TO_PROPAGATE
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from ..phase import Phase
from ..plans import Launch
from ..work import run_launch
from .failures import trial_failure
from .placement import LOOK_EVERY_S, free_abandoned, free_all
from .run_files import RunFiles
from .watchdog import StalledError, Watchdog
from .workers import RETRIES, Resources, Work, trainable

# Tune would send the driver's AWS keys along with its trials, where the workers' command lines show them to everybody.
ENV_VARS_TO_PROPAGATE.difference_update([name for name in ENV_VARS_TO_PROPAGATE if name.startswith("AWS_")])
# A trial trains in a thread, for which the C library would make a heap in pieces of 64 MB: few of a large batch's
# tensors fit into one, and most of what is free in a piece stays unused.
DEFAULT_ENV_VARS.setdefault("MALLOC_ARENA_MAX", os.environ.get("MALLOC_ARENA_MAX", "1"))


def run_phase(phase: Phase, resources: Resources, *, stall_s: float, work: Work = run_launch) -> None:
    """Run every trial of the phase that is not finished.

    stall_s: the bound on silence (see `watchdog`), in seconds. work: what a trial in its own process does.

    Raises StalledError where the phase goes on no more, KeyboardInterrupt at once.
    """
    files = RunFiles.of(phase.experiment.storage)
    name = f"{phase.name}-{uuid.uuid4().hex[:8]}"
    handed_out = _Launches(phase, Watchdog(silence_s=stall_s))
    # Its warnings are of files that nobody reads here; errors come as exceptions, and it would print those, too.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    tuner = tune.Tuner(
        trainable(resources, name, work),
        tune_config=tune.TuneConfig(
            search_alg=_PhaseSearcher(handed_out),
            scheduler=_PhaseScheduler(handed_out),
            num_samples=-1,
            max_concurrent_trials=resources.concurrent,
            reuse_actors=resources.workers == 0,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            name=name,
            **files.arguments,
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            callbacks=[_PhaseCallback(handed_out)],
            verbose=0,
        ),
    )
    try:
        with phase.experiment.storage.writing():
            tuner.fit()
    except Exception:
        handed_out.reraise()
        raise
    finally:
        files.below(name).remove()
    handed_out.reraise()
    free_all()


class _Launches:
    """Between Tune, which knows trials, and the phase, which knows launches."""

    def __init__(self, phase: Phase, watchdog: Watchdog) -> None:
        self.phase = phase
        self.watchdog = watchdog
        self._looked = time.monotonic()
        self._raised: Exception | None = None
        self._again: list[Launch] = []
        self._lost: set[int] = set()
        self._exhausted = False
        self._finished = False

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Tune stores its searcher, scheduler and callbacks beside its trials; of this nothing is to be stored."""
        return object, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Launches":
        return self

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Keep what the phase raises: Tune makes an error of its own of it, or the trial's, or nothing."""
        try:
            yield
        except Exception as error:
            self._raised = self._raised or error
            raise

    def suggest(self, trial_id: str) -> Launch | None:
        """The next launch; None for none now, and if `finished` none ever."""
        with self._kept():
            if self._again:
                launch: Launch | None = self._again.pop(0)
            else:
                launch = None if self._exhausted else self.phase.next_launch()
        if launch is not None:
            self.watchdog.launched(trial_id, launch)
        self._exhausted = launch is None
        return launch

    @property
    def finished(self) -> bool:
        """Whether no launch is to be handed out any more: a launch that has not begun may have to be once more."""
        waiting = any(watched.trial is None for watched in self.watchdog.by_trial.values())
        self._finished = self._finished or (self._exhausted and not waiting)
        return self._finished

    def on_result(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether the trial is to be stopped."""
        self.watchdog.heard(trial_id)
        with self._kept():
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
        with self._kept():
            self.phase.on_failure(self.watchdog.by_trial[trial.trial_id].launch, failure)

    def on_error(self, trial: Trial) -> None:
        if self._raised is not None:
            return  # the trial ends because of that
        began = self.watchdog.by_trial[trial.trial_id].trial is not None
        failure = self.watchdog.died(trial.trial_id, trial_failure(trial))
        launch = self.watchdog.ended(trial.trial_id).launch
        with self._kept():
            self.phase.on_failure(launch, failure)
            if not began and self._once_more(launch):
                return
            self.phase.on_launch_end(launch, failure.reason)

    def _once_more(self, launch: Launch) -> bool:
        """Whether a launch that did not begin is to be handed out again.

        Where a process that was kept for it has died meanwhile, Tune retries nothing.
        """
        number = launch.trials[0].number
        if self._finished or number in self._lost:
            return False
        self._lost.add(number)
        self._again.append(launch)
        return True

    def on_complete(self, trial: Trial) -> None:
        watched = self.watchdog.ended(trial.trial_id)
        with self._kept():
            self.phase.on_launch_end(watched.launch, None if watched.failed is None else watched.failed.reason)

    def look(self) -> None:
        """End what waits for ever, and free what nobody frees. Called a few times a second."""
        self.reraise()
        with self._kept():
            self.phase.check()
        if (quiet := self.watchdog.stalled_s()) is not None:
            waiting = len(self.watchdog.by_trial)
            self._raised = StalledError(
                f"no trial made progress for {quiet:.0f} s; {waiting} trials wait, {_free_resources()}"
            )
            raise self._raised
        for watched, seconds in self.watchdog.silent():
            watched.killed = f"no news for {seconds:.0f} s: ended; {_free_resources()}"
            if watched.trial is not None and (actor := watched.trial.temporary_state.ray_actor) is not None:
                # What the trial had started dies with it; Ray sends SIGKILL to what does not answer.
                ray.kill(actor)
        if time.monotonic() - self._looked > LOOK_EVERY_S:
            free_abandoned()
            self._looked = time.monotonic()

    def reraise(self) -> None:
        """Raise what the phase raised, if it did."""
        if self._raised is not None:
            raise self._raised


class _PhaseSearcher(Searcher):
    """Tune's source of trials."""

    def __init__(self, launches: _Launches) -> None:
        super().__init__()
        self._launches = launches

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        """The next launch as a Tune configuration, None for none now, or Tune's word for no more."""
        launch = self._launches.suggest(trial_id)
        if launch is not None:
            return {"launch": launch}
        return Searcher.FINISHED if self._launches.finished else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Unused: the scheduler hears of a trial's end with the trial, and so with its error."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing is saved: the study is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing is restored: the study is the state."""


class _PhaseScheduler(FIFOScheduler):
    """Hands Tune's results to the phase and tells Tune to stop what the phase stops."""

    def __init__(self, launches: _Launches) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._launches = launches

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        stop = self._launches.on_result(trial.trial_id, result)
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE


class _PhaseCallback(Callback):
    """Hears from Tune of its trials' processes: that they run, died, are started again, ended."""

    def __init__(self, launches: _Launches) -> None:
        self._launches = launches

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._launches.look()

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
