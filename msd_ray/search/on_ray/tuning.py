"""A phase on Ray Tune: its trials are Tune's, its decisions are the study's."""

import logging
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.callback import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from ...errors import UserError
from ..phase import Phase
from ..plans import Launch, TrialReport
from .workers import RETRIES, Resources, trainable


class StalledError(Exception):
    """No trial made progress for longer than the bound: the message says for how long, and what Ray has."""


def run_phase(phase: Phase, resources: Resources, *, stall_s: float) -> None:
    """Run every trial of the phase that is not finished.

    Raises StalledError after `stall_s` seconds without news from any trial, UserError if something cannot be recorded,
    KeyboardInterrupt at once.
    """
    directory = phase.experiment.storage.ray
    name = f"{phase.name}-{uuid.uuid4().hex[:8]}"
    handed_out = _Launches(phase)
    # Its warnings are of files that nobody reads here; errors come as exceptions.
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    tuner = tune.Tuner(
        trainable(resources, directory / name),
        tune_config=tune.TuneConfig(
            search_alg=_PhaseSearcher(handed_out),
            scheduler=_PhaseScheduler(handed_out),
            num_samples=-1,
            max_concurrent_trials=resources.concurrent,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=str(directory),
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            callbacks=[_Watchdog(handed_out, stall_s)],
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    except Exception:
        handed_out.reraise()  # Tune makes a TuneError of it, with a traceback for text
        raise
    finally:
        shutil.rmtree(directory / name, ignore_errors=True)
    handed_out.reraise()


class _Launches:
    """Which launch a Tune trial runs, and when anything was last heard."""

    def __init__(self, phase: Phase) -> None:
        self.phase = phase
        self.by_trial: dict[str, Launch] = {}
        self.heard = time.monotonic()
        self.ended: StalledError | UserError | None = None
        """What ends the phase early."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Tune stores its searcher, scheduler and callbacks beside its trials; of this nothing is to be stored."""
        return object, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Launches":
        return self

    def suggest(self, trial_id: str) -> Launch | None:
        with self._ending():
            launch = self.phase.next_launch()
        if launch is not None:
            self.by_trial[trial_id] = launch
            self.heard = time.monotonic()
        return launch

    def on_report(self, report: TrialReport) -> bool:
        self.heard = time.monotonic()
        with self._ending():
            return self.phase.on_report(report)

    def on_end(self, trial_id: str, error: str | None) -> None:
        self.heard = time.monotonic()
        with self._ending():
            self.phase.on_launch_end(self.by_trial.pop(trial_id), error)

    def check(self) -> None:
        with self._ending():
            self.phase.check()

    def reraise(self) -> None:
        if self.ended is not None:
            raise self.ended

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Keep what the phase raises."""
        try:
            yield
        except UserError as error:
            self.ended = self.ended or error
            raise


class _PhaseSearcher(Searcher):
    """Tune's source of trials."""

    def __init__(self, launches: _Launches) -> None:
        super().__init__()
        self._launches = launches

    def suggest(self, trial_id: str) -> dict[str, Any] | str:  # type: ignore[override]
        """The next launch as a Tune configuration, or Tune's word for no more."""
        launch = self._launches.suggest(trial_id)
        return Searcher.FINISHED if launch is None else {"launch": launch}

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
        stop = self._launches.on_report(result["report"])
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE


class _Watchdog(Callback):
    """Hears of the ends of trials, and ends the phase when nothing is heard of any for too long."""

    def __init__(self, launches: _Launches, stall_s: float) -> None:
        self._launches = launches
        self._stall_s = stall_s

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._launches.check()
        quiet = time.monotonic() - self._launches.heard
        if self._launches.by_trial and quiet > self._stall_s:
            free = ray.available_resources()  # type: ignore[no-untyped-call]
            self._launches.ended = StalledError(
                f"no trial made progress for {quiet:.0f} s; {len(self._launches.by_trial)} trials wait, the cluster "
                f"has free: {free.get('CPU', 0):g} CPUs, {free.get('GPU', 0):g} GPUs"
            )
            raise self._launches.ended

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._launches.on_end(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._launches.on_end(trial.trial_id, _cause(trial))


def _cause(trial: Trial) -> str:
    """The last line of a failed trial's traceback."""
    error_file = trial.error_file
    if error_file and Path(error_file).exists():
        lines = Path(error_file).read_text(encoding="utf-8").split("\n")
        if said := [line.strip() for line in lines if line.strip()]:
            return said[-1]
    return "its process ended without a message"
