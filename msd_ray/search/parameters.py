"""Parameters of a search: fixed values, ranges and choices, independent of the search library."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str
JSON: TypeAlias = Scalar | list["JSON"] | dict[str, "JSON"] | None

_GRID_TOLERANCE = 1e-8  # maximum distance of a value from its grid, in steps


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A parameter that is not searched."""

    value: Scalar

    def contains(self, value: JSON) -> bool:
        """Whether `value` is the fixed value."""
        return value == self.value

    def to_json(self) -> JSON:
        """Return the value as in a search space file."""
        return self.value


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Args:
        low: smallest value.
        high: largest value.
        log: whether the logarithm is searched uniformly.
        step: distance of the values from `low` on; None: all numbers.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low {self.low} must be smaller than high {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a log range needs low > 0 and no step")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ValueError(f"step {self.step} must be positive and at most high - low")

    def contains(self, value: JSON) -> bool:
        """Whether `value` is a number in the range, and on its grid if it has a step."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not self.low <= value <= self.high:
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < _GRID_TOLERANCE

    def to_json(self) -> JSON:
        """Return the mapping as in a search space file."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of several unordered values."""

    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) < 2 or len(set(self.values)) != len(self.values):
            raise ValueError(f"a choice needs at least two different values, got {list(self.values)}")

    def contains(self, value: JSON) -> bool:
        """Whether `value` is one of the values."""
        return value in self.values

    def to_json(self) -> JSON:
        """Return the mapping as in a search space file."""
        return {"choices": list(self.values)}


Parameter: TypeAlias = Fixed | Range | Choice


def parameters_to_json(parameters: Mapping[str, Parameter]) -> dict[str, JSON]:
    """Return the parameters by name as JSON, for stored settings and hashes."""
    return {name: parameter.to_json() for name, parameter in parameters.items()}
