"""PhaseStudy: the study of one phase, with proposals, reports and results, all stored in the database.

The study is the only state of a phase. A proposal is a function of the study's seed, the trial's number and the results
of earlier trials, so a driver that is killed at any moment resumes with the same trials.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState

from .. import early_stopping as asha
from ..early_stopping import Pruning
from ..parameters import JSON, Parameter
from .database import cached, open_storage, open_study, storage_errors
from .outages import retry_until_available
from .points import Points
from .records import (
    CONFIGURATION,
    REASON,
    TrialRecord,
    comparable_values,
    enqueue_retry,
    originals,
    record,
    require_finite,
    require_unfinished,
    store_run_id,
    stored_run_ids,
    to_retry,
)
from .settings import study_settings

_USED_S = "used_s"  # study attribute: seconds of all starts of the search
_TRIALS = "trials"  # study attribute: number of trials


class PhaseStudy:
    """The study of one phase, which maximizes scores; create it with `open`. One driver at a time may propose.

    Every method raises UserError if the database is unusable. Those that a running search calls first retry while
    PostgreSQL is unavailable (see `outages`).
    """

    def __init__(
        self,
        study: optuna.Study,
        storage: RDBStorage,
        view: BaseStorage,
        *,
        points: Points,
        trials: int,
        pruning: Pruning | None,
    ) -> None:
        self._study, self._storage, self._view = study, storage, view
        self._study_id = storage.get_study_id_from_name(study.study_name)
        self._points, self._pruning = points, pruning
        self._limit = trials if points.count is None else min(trials, points.count)
        self._started_here: set[int] = set()
        self._to_resume = self._unfinished()

    @classmethod
    def open(
        cls,
        storage_url: str,
        name: str,
        *,
        space: Mapping[str, Parameter],
        settings: Mapping[str, JSON],
        seed: int,
        trials: int,
        first: Sequence[Mapping[str, JSON]] = (),
        pruning: Pruning | None = None,
    ) -> "PhaseStudy":
        """Create the study, or open it to resume it.

        Trial k of the first len(`first`) has the parameters `first[k]`; those that are not given are proposed. A space
        of fixed parameters only is one point: the study then has `first` and that point, each once.

        Args:
            storage_url: `sqlite:///FILE` or `postgresql://...`.
            name: name of the study, unique in the database.
            space: every parameter of the phase.
            settings: everything else that determines a score; stored, and compared when the study is opened again.
            seed: seed of the proposals.
            trials: number of trials, at least 1; more than before extends the study.
            first: parameters of the first trials.
            pruning: when to prune trials; None never prunes.

        Raises:
            UserError: the database is unusable or not a study database, or the study has other settings.
            ValueError: `trials` below 1, `first` names a parameter that the space does not have, or `settings` uses one
                of the study's own keys (space, seed, first, pruning).
        """
        if trials < 1:
            raise ValueError(f"a study needs at least one trial, got {trials}")
        given = study_settings(settings, space=space, seed=seed, first=first, pruning=pruning)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with storage_errors(storage_url):
            storage = open_storage(storage_url)
            view = cached(storage)
            study = open_study(view, name, given, storage_url)
            study.set_user_attr(_TRIALS, trials)  # also detects a read-only database now
            points = Points(space, seed=seed, first=first)
            return cls(study, storage, view, points=points, trials=trials, pruning=pruning)

    @property
    @retry_until_available
    def limit(self) -> int:
        """Number of trials, including retries; fewer than requested if the space has fewer points."""
        with self._errors():
            trials = self._all()
        return self._limit + len(trials) - len(originals(trials))

    @property
    @retry_until_available
    def finished(self) -> bool:
        """Whether the study has all its trials, and all have ended."""
        with self._errors():
            trials = self._all()
        return len(originals(trials)) >= self._limit and all(trial.state.is_finished() for trial in trials)

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the parameters that the study varies."""
        return self._points.searched

    def retry_failed(self) -> int:
        """Enqueue a retry of every failed trial without a successful one. Returns their number."""
        with self._errors():
            failed = to_retry(self._all())
            for trial in failed:
                enqueue_retry(self._study, trial, record(trial, self._points.fixed).parameters)
            self._to_resume = self._unfinished()
        return len(failed)

    @retry_until_available
    def propose(self, more: Callable[[], bool] = lambda: True) -> TrialRecord | None:
        """Start the next trial and return it; None if the study has all its trials.

        Unfinished trials of an earlier driver come first, each once, with their numbers, parameters and `values` of
        known epochs. New trials follow as long as `more()` is true.
        """
        with self._errors():
            while self._to_resume:
                number = self._to_resume.popleft()
                if not self._trial(number).state.is_finished():
                    return self._started(number, self._all())
            trials = self._all()
            if len(originals(trials)) >= self._limit or not more():
                return None
            number = self._storage.get_trial_number_from_id(self._storage.create_new_trial(self._study_id))
            # Another process may have enqueued a trial in the meantime.
            return self._started(number, trials if len(trials) == number else self._all())

    @retry_until_available
    def report(self, number: int, epoch: int, value: float) -> None:
        """Store a trial's value after `epoch` (1-based); a stored epoch is not changed.

        Raises:
            ValueError: the value is not finite, or the epoch is new and the trial finished.
        """
        require_finite(value)
        with self._errors():
            trial = self._trial(number)
            if epoch in trial.intermediate_values:
                return
            require_unfinished(trial)
            self._storage.set_trial_intermediate_value(self._id(number), epoch, value)

    @retry_until_available
    def should_stop(self, number: int, epoch: int) -> bool:
        """Whether to prune the trial after `epoch`, given the values of comparable trials at that epoch.

        Raises:
            ValueError: `epoch` is a rung that the trial has not reported.
        """
        if self._pruning is None or epoch not in self._pruning.rungs:
            return False
        with self._errors():
            value, others = comparable_values(self._all(), number, epoch, self._pruning.kinds)
        return asha.should_stop(epoch, value, others, rungs=self._pruning.rungs, reduction=self._pruning.reduction)

    def complete(self, number: int, value: float) -> None:
        """Mark the trial COMPLETE with its score.

        Raises:
            ValueError: the value is not finite, or the trial finished with another result.
        """
        self._finish(number, TrialState.COMPLETE, value)

    def prune(self, number: int, value: float) -> None:
        """Mark the trial PRUNED with its best value. Raises as `complete`."""
        self._finish(number, TrialState.PRUNED, value)

    @retry_until_available
    def fail(self, number: int, reason: str) -> None:
        """Mark the trial FAIL. The reason of an earlier call is not changed.

        Raises:
            ValueError: the trial finished with another result.
        """
        with self._errors():
            trial = self._trial(number)
            if trial.state == TrialState.FAIL:
                return
            require_unfinished(trial)
            self._storage.set_trial_user_attr(self._id(number), REASON, reason)
            self._storage.set_trial_state_values(self._id(number), TrialState.FAIL)

    @retry_until_available
    def set_run_id(self, number: int, run_id: str) -> None:
        """Store MLflow's run id of a trial; also possible after its end."""
        with self._errors():
            store_run_id(self._study, self._storage, self._trial(number), self._id(number), run_id)

    @retry_until_available
    def run_ids(self) -> dict[int, str]:
        """The stored run ids of MLflow, by number of the trial."""
        with self._errors():
            return stored_run_ids(self._study, self._all())

    @retry_until_available
    def trials(self) -> list[TrialRecord]:
        """All trials, sorted by number."""
        with self._errors():
            return [record(trial, self._points.fixed) for trial in self._all()]

    @property
    @retry_until_available
    def used_s(self) -> float:
        """Seconds stored by `note_used`; 0 if there are none."""
        with self._errors():
            return float(self._study.user_attrs.get(_USED_S, 0.0))

    @retry_until_available
    def note_used(self, seconds: float) -> None:
        """Store the seconds that all starts of the search have taken."""
        with self._errors():
            self._study.set_user_attr(_USED_S, round(seconds, 1))

    @retry_until_available
    def durations_s(self) -> list[float]:
        """Duration of each COMPLETE trial, in seconds."""
        with self._errors():
            complete = [trial for trial in self._all() if trial.state == TrialState.COMPLETE]
        return [trial.duration.total_seconds() for trial in complete if trial.duration is not None]

    def best(self) -> TrialRecord | None:
        """The COMPLETE trial with the highest value, the first of equals; None if there is none."""
        complete = [trial for trial in self.trials() if trial.state == "COMPLETE"]
        return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)

    def close(self) -> None:
        """Close the connections to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def refresh(self) -> None:
        """Find trials that were created during an outage: the next proposals start them."""
        with self._errors():
            self._to_resume = deque(number for number in self._unfinished() if number not in self._started_here)

    def _started(self, number: int, trials: Sequence[FrozenTrial]) -> TrialRecord:
        """Store the missing parameters of a trial and mark it RUNNING. trials: all trials of the study."""
        trial, trial_id = self._trial(number), self._id(number)
        if trial.state == TrialState.WAITING:
            self._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        parameters = trial.user_attrs.get(CONFIGURATION)
        if parameters is None:
            position = len(originals(trials[:number]))
            parameters = self._points.of(trial, position, self._study.study_name, self._view)
            self._storage.set_trial_user_attr(trial_id, CONFIGURATION, parameters)
        for name, distribution in self._points.observed(parameters).items():
            if name not in trial.params:
                internal = distribution.to_internal_repr(parameters[name])
                self._storage.set_trial_param(trial_id, name, internal, distribution)
        self._started_here.add(number)
        return record(self._trial(number), self._points.fixed)

    @retry_until_available
    def _finish(self, number: int, state: TrialState, value: float) -> None:
        require_finite(value)
        with self._errors():
            trial = self._trial(number)
            if trial.state == state and trial.value == value:
                return
            require_unfinished(trial)
            self._storage.set_trial_state_values(self._id(number), state, [value])

    def _errors(self) -> AbstractContextManager[None]:
        return storage_errors(self._storage.url)

    def _all(self) -> list[FrozenTrial]:
        return sorted(self._study.get_trials(deepcopy=False), key=lambda trial: trial.number)

    def _unfinished(self) -> deque[int]:
        return deque(trial.number for trial in self._all() if not trial.state.is_finished())

    def _id(self, number: int) -> int:
        return self._view.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _trial(self, number: int) -> FrozenTrial:
        return self._view.get_trial(self._id(number))
