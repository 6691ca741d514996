"""The study of one phase: proposals, reports and results, all of it in the database.

The study is the only state of a phase. Every proposal is a function of the study's seed, the trial's number and what
the trials before it brought, so a driver that dies at any moment and starts again goes on as if nothing had happened.
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
from .outages import patiently
from .points import Points
from .records import (
    CONFIGURATION,
    REASON,
    RETRY_OF,
    RUN_ID,
    TrialRecord,
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

_USED_S = "used_s"  # study attribute: seconds of all searches that go on with it
_TRIALS = "trials"  # study attribute: how many trials there shall be


class PhaseStudy:
    """The study of one phase; scores are better when higher. Made by `PhaseStudy.open`.

    Every method raises `UserError` if the database cannot be read or written; those that a running search calls wait
    first for a PostgreSQL that is away (see `outages`). One driver at a time may propose.
    """

    def __init__(
        self,
        study: optuna.Study,
        storage: RDBStorage,
        view: BaseStorage,
        *,
        space: Mapping[str, Parameter],
        seed: int,
        trials: int,
        first: Sequence[Mapping[str, JSON]],
        pruning: Pruning | None,
    ) -> None:
        self._study = study
        self._storage = storage
        self._view = view
        self._study_id = storage.get_study_id_from_name(study.study_name)
        self._points = Points(space, seed=seed, first=first)
        self._limit = trials if self._points.count is None else min(trials, self._points.count)
        self._pruning = pruning
        self._handed_out: set[int] = set()
        self._left_over = self._unfinished()

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
        """Create the study, or open it again to go on with it.

        `trials` is how many trials there shall be; a higher number than before extends the study. Trial k of the first
        len(`first`) has the parameters `first[k]`; those it does not name are proposed. A space of fixed
        parameters only is one point: the study then has `first` and that point, each once.

        Args:
            storage_url: `sqlite:///FILE` or `postgresql://...`.
            name: name of the study, unique in the database.
            space: every parameter of the phase.
            settings: what else decides a trial's score; stored, and compared when the study is opened again.
            seed: seeds the proposals.
            trials: number of trials, at least 1.
            first: parameters of the first trials.
            pruning: when to stop trials early; None never does.

        Raises:
            UserError: the database is unreachable or no study database, or the study was made with other settings.
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
            study.set_user_attr(_TRIALS, trials)  # each time, also to see at once whether the storage takes writes
            return cls(study, storage, view, space=space, seed=seed, trials=trials, first=first, pruning=pruning)

    @property
    @patiently
    def limit(self) -> int:
        """How many trials there shall be: fewer than asked for if the space has not so many points, and each retry."""
        with self._errors():
            trials = self._all()
        return self._limit + len(trials) - len(originals(trials))

    @property
    @patiently
    def finished(self) -> bool:
        """Whether there are as many trials as there shall be, and all have ended."""
        with self._errors():
            trials = self._all()
        return len(originals(trials)) >= self._limit and all(trial.state.is_finished() for trial in trials)

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the parameters that the study varies."""
        return self._points.searched

    def retry_failed(self) -> int:
        """Enqueue every failed trial that no retry has made good: new trials, which `propose` returns; how many."""
        with self._errors():
            failed = to_retry(self._all())
            for trial in failed:
                enqueue_retry(self._study, trial, record(trial, self._points.fixed).parameters)
            self._left_over = self._unfinished()
        return len(failed)

    @patiently
    def propose(self, more: Callable[[], bool] = lambda: True) -> TrialRecord | None:
        """Return the next trial to run, RUNNING, or None when there are as many as there shall be.

        First come the trials that an earlier driver left unfinished, each once, with the number and the parameters they
        had; `values` tells which epochs are known. Then new ones, as long as there are to be `more`.
        """
        with self._errors():
            while self._left_over:
                number = self._left_over.popleft()
                if not self._trial(number).state.is_finished():
                    return self._started(number, self._all())
            trials = self._all()
            if len(originals(trials)) >= self._limit or not more():
                return None
            number = self._storage.get_trial_number_from_id(self._storage.create_new_trial(self._study_id))
            # Somebody may have enqueued a trial meanwhile.
            return self._started(number, trials if len(trials) == number else self._all())

    @patiently
    def report(self, number: int, epoch: int, value: float) -> None:
        """Store a trial's value after `epoch` (1-based); an epoch that is known already is left as it is.

        Raises:
            ValueError: a value that is not finite, or a new epoch of a finished trial.
        """
        require_finite(value)
        with self._errors():
            trial = self._trial(number)
            if epoch in trial.intermediate_values:
                return
            require_unfinished(trial)
            self._storage.set_trial_intermediate_value(self._id(number), epoch, value)

    @patiently
    def should_stop(self, number: int, epoch: int) -> bool:
        """Whether the trial stops early after `epoch`, by the values that trials of its kind have at that epoch.

        Raises:
            ValueError: `epoch` is a rung, and the trial has not reported it.
        """
        if self._pruning is None or epoch not in self._pruning.rungs:
            return False
        with self._errors():
            reported = {trial.number: trial for trial in self._all() if epoch in trial.intermediate_values}
        if number not in reported:
            raise ValueError(f"trial {number} has not reported epoch {epoch}")
        kind = self._kind(reported[number])
        values = {n: t.intermediate_values[epoch] for n, t in reported.items() if self._kind(t) == kind}
        value = values.pop(number)
        return asha.should_stop(
            epoch, value, list(values.values()), rungs=self._pruning.rungs, reduction=self._pruning.reduction
        )

    def complete(self, number: int, value: float) -> None:
        """Mark the trial COMPLETE with its score.

        Raises:
            ValueError: a value that is not finite, or a trial that is finished otherwise.
        """
        self._finish(number, TrialState.COMPLETE, value)

    def prune(self, number: int, value: float) -> None:
        """Mark the trial PRUNED, stopped early, with its best value so far; raises as `complete` does."""
        self._finish(number, TrialState.PRUNED, value)

    @patiently
    def fail(self, number: int, reason: str) -> None:
        """Mark the trial FAIL; told again, the first reason stays.

        Raises:
            ValueError: a trial that is finished otherwise.
        """
        with self._errors():
            trial = self._trial(number)
            if trial.state == TrialState.FAIL:
                return
            require_unfinished(trial)
            self._storage.set_trial_user_attr(self._id(number), REASON, reason)
            self._storage.set_trial_state_values(self._id(number), TrialState.FAIL)

    @patiently
    def set_attribute(self, number: int, key: str, value: JSON) -> None:
        """Store something about a trial, before it is finished; what is stored already may be told again at any time.

        Raises:
            ValueError: a new value for a finished trial, or a key that the study uses itself.
        """
        if key in (CONFIGURATION, REASON, RETRY_OF, RUN_ID):
            raise ValueError(f"attribute `{key}` is the study's own")
        with self._errors():
            trial = self._trial(number)
            if key in trial.user_attrs and trial.user_attrs[key] == value:
                return
            require_unfinished(trial)
            self._storage.set_trial_user_attr(self._id(number), key, value)

    @patiently
    def set_run_id(self, number: int, run_id: str) -> None:
        """Store the id of a trial's run in MLflow, whenever it becomes known (see `run_ids`)."""
        with self._errors():
            store_run_id(self._study, self._storage, self._trial(number), self._id(number), run_id)

    @patiently
    def run_ids(self) -> dict[int, str]:
        """Return the ids of runs in MLflow by trial, as far as they are stored."""
        with self._errors():
            return stored_run_ids(self._study, self._all())

    @patiently
    def trials(self) -> list[TrialRecord]:
        """Return all trials by number."""
        with self._errors():
            return [record(trial, self._points.fixed) for trial in self._all()]

    @property
    @patiently
    def used_s(self) -> float:
        """Return the seconds that searches have noted with the study."""
        with self._errors():
            return float(self._study.user_attrs.get(_USED_S, 0.0))

    @patiently
    def note_used(self, seconds: float) -> None:
        """Store how many seconds a search has taken, over all its starts."""
        with self._errors():
            self._study.set_user_attr(_USED_S, round(seconds, 1))

    @patiently
    def durations_s(self) -> list[float]:
        """Return how long each COMPLETE trial took from its start to its end, in seconds."""
        with self._errors():
            complete = [trial for trial in self._all() if trial.state == TrialState.COMPLETE]
        return [trial.duration.total_seconds() for trial in complete if trial.duration is not None]

    def best(self) -> TrialRecord | None:
        """Return the COMPLETE trial with the highest value, of equal ones the first; None if there is none."""
        complete = [trial for trial in self.trials() if trial.state == "COMPLETE"]
        return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)

    def close(self) -> None:
        """Close the connections to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def look_again(self) -> None:
        """A trial that was made when the database went away, and that nobody runs, is the next one."""
        with self._errors():
            self._left_over = deque(number for number in self._unfinished() if number not in self._handed_out)

    def _kind(self, trial: FrozenTrial) -> list[JSON]:
        """What must be equal for two trials to be compared."""
        assert self._pruning is not None
        parameters = trial.user_attrs.get(CONFIGURATION, {})
        return [parameters.get(name) for name in self._pruning.kinds]

    def _started(self, number: int, trials: Sequence[FrozenTrial]) -> TrialRecord:
        """Give the trial the parameters that it has not got yet, and mark it RUNNING. trials: the study's."""
        trial, trial_id = self._trial(number), self._id(number)
        if trial.state == TrialState.WAITING:
            self._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        parameters = trial.user_attrs.get(CONFIGURATION)
        if parameters is None:
            position = len(originals(trials[:number]))
            parameters = self._points.of(trial, position, self._study.study_name, self._view)
            self._storage.set_trial_user_attr(trial_id, CONFIGURATION, parameters)
        for name, distribution in self._points.to_learn_from(parameters).items():
            if name not in trial.params:
                internal = distribution.to_internal_repr(parameters[name])
                self._storage.set_trial_param(trial_id, name, internal, distribution)
        self._handed_out.add(number)
        return record(self._trial(number), self._points.fixed)

    @patiently
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
