"""What a search may vary: a fixed value, a range or a choice; value objects that know no search library."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str
JSON: TypeAlias = Scalar | list["JSON"] | dict[str, "JSON"] | None

_GRID_TOLERANCE = 1e-8  # how far, in steps, a value may lie beside its grid


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A parameter that is not searched."""

    value: Scalar

    def contains(self, value: JSON) -> bool:
        """Whether `value` is the one value."""
        return value == self.value

    def to_json(self) -> JSON:
        """Return the value itself, as a search space file writes it."""
        return self.value


@dataclass(frozen=True, kw_only=True)
class Range:
    """The numbers from `low` to `high`, both included; `log`: by magnitude, `step`: a grid from `low` on."""

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
        """Whether `value` is a number of the range, and on its grid if it has one."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not self.low <= value <= self.high:
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < _GRID_TOLERANCE

    def to_json(self) -> JSON:
        """Return the mapping that a search space file writes."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of several values without order."""

    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) < 2 or len(set(self.values)) != len(self.values):
            raise ValueError(f"a choice needs at least two different values, got {list(self.values)}")

    def contains(self, value: JSON) -> bool:
        """Whether `value` is one of the values."""
        return value in self.values

    def to_json(self) -> JSON:
        """Return the mapping that a search space file writes."""
        return {"choices": list(self.values)}


Parameter: TypeAlias = Fixed | Range | Choice


def parameters_to_json(parameters: Mapping[str, Parameter]) -> dict[str, JSON]:
    """Return the parameters by name as JSON, for stored settings and digests."""
    return {name: parameter.to_json() for name, parameter in parameters.items()}
