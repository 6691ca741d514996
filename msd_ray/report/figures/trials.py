"""SearchTrial: a student trial as the figures of a search take it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msd_ray.search.parameters import JSON
from msd_ray.tracking.rows import State

SYMBOLS: Mapping[State, str] = {"COMPLETE": "circle", "PRUNED": "triangle-down-open", "FAIL": "x"}
"""How a point shows its trial's state, whatever its colour."""

Curve = tuple[tuple[int, float], ...]
"""(epoch, value) by epoch."""


@dataclass(frozen=True, kw_only=True)
class SearchTrial:
    """A finished trial.

    value: the best dev F1 (0..1), None where there is none, as for most trials that failed. paper: whether it has the
    paper's configuration. reason: why it failed. curves: metric name -> values over epochs.
    """

    number: int
    state: State
    value: float | None
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    paper: bool = False
    reason: str | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)


def best_trial(trials: Sequence[SearchTrial]) -> SearchTrial | None:
    """The COMPLETE trial with the highest value, of equal ones the first, as the search itself chooses."""
    complete = [trial for trial in trials if trial.state == "COMPLETE" and trial.value is not None]
    return max(complete, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)
