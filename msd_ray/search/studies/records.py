"""One trial of a study, read from Optuna's form of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from ..parameters import JSON

State: TypeAlias = Literal["RUNNING", "WAITING", "COMPLETE", "PRUNED", "FAIL"]

CONFIGURATION = "configuration"
"""Trial attribute: all parameters, also those that Optuna does not sample."""
REASON = "reason"
"""Trial attribute: why the trial failed."""
RETRY_OF = "retry_of"
"""Trial attribute: the number of the failed trial that this one runs again."""

RUN_ID = "mlflow_run"
"""Trial attribute: the id of the trial's run. Of the study, `mlflow_run/NUMBER`, where the trial had ended before."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial as the study holds it.

    `values` holds the score after each epoch; `value` is set on COMPLETE and PRUNED trials; `reason` on FAIL ones.
    `retry_of` is the number of the failed trial that this one runs again.
    """

    number: int
    state: State
    parameters: dict[str, JSON]
    value: float | None
    values: dict[int, float]
    attributes: dict[str, JSON]
    reason: str | None
    retry_of: int | None = None

    @property
    def original(self) -> int:
        """The number that the trial had when it was first run."""
        return self.number if self.retry_of is None else self.retry_of


def record(trial: FrozenTrial, fixed: Mapping[str, JSON]) -> TrialRecord:
    """Return the trial as a record; `fixed` are the parameters that are not searched."""
    attributes = dict(trial.user_attrs)
    parameters = attributes.pop(CONFIGURATION, {**fixed, **trial.params})
    # A driver that died while it told of a failure leaves the reason behind, and the trial may yet succeed.
    reason = attributes.pop(REASON, None)
    retry_of = attributes.pop(RETRY_OF, None)
    assert retry_of is None or isinstance(retry_of, int)
    return TrialRecord(
        number=trial.number,
        state=cast("State", trial.state.name),
        parameters=parameters,
        value=trial.value,
        values=dict(trial.intermediate_values),
        attributes=attributes,
        reason=reason if trial.state == TrialState.FAIL else None,
        retry_of=retry_of,
    )


def require_finite(value: float) -> None:
    """Raise ValueError for a value that Optuna cannot compare."""
    if not math.isfinite(value):
        raise ValueError(f"a study takes finite values only, got {value}; a trial without a score has failed")


def require_unfinished(trial: FrozenTrial) -> None:
    """Raise ValueError for a trial that has ended."""
    if trial.state.is_finished():
        raise ValueError(f"trial {trial.number} is already {trial.state.name} with value {trial.value}")


def originals(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that are no retries; these are what a study has a number of."""
    return [trial for trial in trials if RETRY_OF not in trial.user_attrs]


def to_retry(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the original trials that failed and whose retries, if there are any, failed too."""
    not_failed = {trial.user_attrs.get(RETRY_OF) for trial in trials if trial.state != TrialState.FAIL}
    failed = [trial for trial in originals(trials) if trial.state == TrialState.FAIL]
    return [trial for trial in failed if trial.number not in not_failed]


def enqueue_retry(study: optuna.Study, trial: FrozenTrial, parameters: Mapping[str, JSON]) -> None:
    """Add a waiting trial with the same parameters, in one transaction."""
    attributes = {RETRY_OF: trial.number, CONFIGURATION: dict(parameters)}
    study.enqueue_trial(dict(parameters), user_attrs=attributes)


def store_run_id(study: optuna.Study, storage: BaseStorage, trial: FrozenTrial, trial_id: int, run_id: str) -> None:
    """Store it; Optuna changes no finished trial."""
    if trial.user_attrs.get(RUN_ID) == run_id:
        return
    if trial.state.is_finished():
        study.set_user_attr(f"{RUN_ID}/{trial.number}", run_id)
    else:
        storage.set_trial_user_attr(trial_id, RUN_ID, run_id)


def stored_run_ids(study: optuna.Study, trials: Iterable[FrozenTrial]) -> dict[int, str]:
    """The ids by trial, as far as they are stored."""
    own = {trial.number: str(trial.user_attrs[RUN_ID]) for trial in trials if RUN_ID in trial.user_attrs}
    late = {}
    for key, run_id in study.user_attrs.items():
        name, _, number = key.partition("/")
        if name == RUN_ID:
            late[int(number)] = str(run_id)
    return own | late
