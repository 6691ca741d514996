"""The progress of a phase, as a search reports it; what shows it is passed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """What a finished trial (of whatever state) cost; the ground for the estimate of the time left."""

    seconds: float
    epochs: int


@dataclass(frozen=True, kw_only=True)
class PhaseCounts:
    """Where a phase is. Trials that a resumed search found finished count, but need no `FinishedTrial`."""

    complete: int = 0
    pruned: int = 0
    failed: int = 0
    running: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # trial -> (epochs done, of)
    best: float | None = None  # dev F1, 0..1
    finished: Sequence[FinishedTrial] = ()

    @property
    def ended(self) -> int:
        """Trials that need no more work."""
        return self.complete + self.pruned + self.failed


class Display(Protocol):
    """Shows the progress of one phase at a time."""

    def phase(self, name: str, total: int) -> None:
        """Begin a phase of `total` trials; the counts and its clock start anew."""

    def update(self, counts: PhaseCounts) -> None:
        """Show new counts; may be called at any rate."""

    def line(self, text: str) -> None:
        """Print a line."""
