"""One trial of a study, read from Optuna's form of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from optuna.trial import FrozenTrial, TrialState

from msd_ray.search.parameters import JSON

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
