"""RunRow: one run of a study as the tracking database holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["COMPLETE", "PRUNED", "FAIL"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A child run; `metrics` are each metric's newest values, `parameters` the flat strings MLflow keeps."""

    run_id: str
    key: str
    name: str
    phase: str
    state: State | None  # None while it runs
    status: str  # MLflow's: RUNNING, FINISHED, KILLED, FAILED
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
