"""TrialRecord: one trial of a study, converted from Optuna's; retries and MLflow run ids of trials."""

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
"""Trial attribute: all parameters, including those that Optuna does not sample."""
REASON = "reason"
"""Trial attribute: why the trial failed."""
RETRY_OF = "retry_of"
"""Trial attribute: number of the failed trial that this one retries."""

RUN_ID = "mlflow_run"
"""Trial attribute: MLflow's run id. For trials that ended before it was known, study attribute `mlflow_run/NUMBER`."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial as stored in the study.

    Attributes:
        value: final score of COMPLETE and PRUNED trials.
        values: score after each epoch.
        reason: why a FAIL trial failed.
        retry_of: number of the failed trial that this one retries.
    """

    number: int
    state: State
    parameters: dict[str, JSON]
    value: float | None
    values: dict[int, float]
    reason: str | None
    retry_of: int | None = None

    @property
    def original(self) -> int:
        """Number of the first attempt: `retry_of`, or its own number."""
        return self.number if self.retry_of is None else self.retry_of


def record(trial: FrozenTrial, fixed: Mapping[str, JSON]) -> TrialRecord:
    """Convert a trial. fixed: the parameters that are not searched."""
    attributes = trial.user_attrs
    # A driver that was killed during `fail` leaves a reason, but the trial may still succeed.
    reason = attributes.get(REASON)
    retry_of = attributes.get(RETRY_OF)
    assert retry_of is None or isinstance(retry_of, int)
    return TrialRecord(
        number=trial.number,
        state=cast("State", trial.state.name),
        parameters=attributes.get(CONFIGURATION, {**fixed, **trial.params}),
        value=trial.value,
        values=dict(trial.intermediate_values),
        reason=reason if trial.state == TrialState.FAIL else None,
        retry_of=retry_of,
    )


def comparable_values(
    trials: Sequence[FrozenTrial], number: int, epoch: int, kinds: Sequence[str]
) -> tuple[float, list[float]]:
    """The trial's value after `epoch`, and those of the other trials that may be compared with it.

    Args:
        kinds: names of parameters that must be equal for two trials to be compared.

    Raises:
        ValueError: the trial has not reported the epoch.
    """

    def kind(trial: FrozenTrial) -> list[JSON]:
        parameters = trial.user_attrs.get(CONFIGURATION, {})
        return [parameters.get(name) for name in kinds]

    reported = {trial.number: trial for trial in trials if epoch in trial.intermediate_values}
    if number not in reported:
        raise ValueError(f"trial {number} has not reported epoch {epoch}")
    own = kind(reported[number])
    values = {n: trial.intermediate_values[epoch] for n, trial in reported.items() if kind(trial) == own}
    value = values.pop(number)
    return value, list(values.values())


def require_finite(value: float) -> None:
    """Raise ValueError for a value that Optuna cannot compare."""
    if not math.isfinite(value):
        raise ValueError(f"the value of a trial must be finite, got {value}; a trial without a score has failed")


def require_unfinished(trial: FrozenTrial) -> None:
    """Raise ValueError for a finished trial."""
    if trial.state.is_finished():
        raise ValueError(f"trial {trial.number} is already {trial.state.name} with value {trial.value}")


def originals(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that are not retries; a study's number of trials counts these."""
    return [trial for trial in trials if RETRY_OF not in trial.user_attrs]


def to_retry(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that failed and whose retries, if any, failed too."""
    not_failed = {trial.user_attrs.get(RETRY_OF) for trial in trials if trial.state != TrialState.FAIL}
    failed = [trial for trial in originals(trials) if trial.state == TrialState.FAIL]
    return [trial for trial in failed if trial.number not in not_failed]


def enqueue_retry(study: optuna.Study, trial: FrozenTrial, parameters: Mapping[str, JSON]) -> None:
    """Enqueue a trial with the same parameters, in one transaction."""
    attributes = {RETRY_OF: trial.number, CONFIGURATION: dict(parameters)}
    study.enqueue_trial(dict(parameters), user_attrs=attributes)


def store_run_id(study: optuna.Study, storage: BaseStorage, trial: FrozenTrial, trial_id: int, run_id: str) -> None:
    """Store the run id of a trial: of a finished one as a study attribute, because Optuna does not change it."""
    if trial.user_attrs.get(RUN_ID) == run_id:
        return
    if trial.state.is_finished():
        study.set_user_attr(f"{RUN_ID}/{trial.number}", run_id)
    else:
        storage.set_trial_user_attr(trial_id, RUN_ID, run_id)


def stored_run_ids(study: optuna.Study, trials: Iterable[FrozenTrial]) -> dict[int, str]:
    """The stored run ids, by number of the trial."""
    own = {trial.number: str(trial.user_attrs[RUN_ID]) for trial in trials if RUN_ID in trial.user_attrs}
    late = {}
    for key, run_id in study.user_attrs.items():
        name, _, number = key.partition("/")
        if name == RUN_ID:
            late[int(number)] = str(run_id)
    return own | late
