"""Progress of a phase, and the interface of what displays it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """Cost of an ended trial, for the estimate of the remaining time."""

    seconds: float
    epochs: int


@dataclass(frozen=True, kw_only=True)
class PhaseCounts:
    """Counts of a phase. Trials that ended before a restart are counted, but are not in `finished`."""

    complete: int = 0
    pruned: int = 0
    failed: int = 0
    running: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # trial -> (epochs done, of)
    best: float | None = None  # dev F1, 0..1
    finished: Sequence[FinishedTrial] = ()

    @property
    def ended(self) -> int:
        """Number of ended trials."""
        return self.complete + self.pruned + self.failed


class Display(Protocol):
    """Shows the progress of one phase at a time."""

    def phase(self, name: str, total: int) -> None:
        """Start a phase of `total` trials; resets counts and clock."""

    def update(self, counts: PhaseCounts) -> None:
        """Show new counts; may be called at any frequency."""

    def line(self, text: str) -> None:
        """Print a line."""
