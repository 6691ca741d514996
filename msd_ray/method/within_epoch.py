"""Checkpoints within an epoch: written if the worker's node is about to be reclaimed.

One per epoch: training goes on after it, and what follows until the node's end is lost. Whether there is a warning is
asked about once per second; all workers agree on the step at which they ask, so that they stop at the same one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .parallel import Workers

Warned = Callable[[], bool]
"""Whether this worker's node is about to be reclaimed."""
EVERY_S = 1.0
MOST_STEPS = 50


@dataclass(kw_only=True)
class EpochSums:
    """One worker's sums over the steps of an epoch.

    Args:
        steps: number of steps done.
        seconds: that they took.
        tokens: that this worker encoded.
        values: sums of the logged values.
    """

    steps: int = 0
    seconds: float = 0.0
    tokens: int = 0
    values: dict[str, Tensor] = field(default_factory=dict)

    def add(self, values: Mapping[str, Tensor], tokens: int) -> None:
        """Add one step."""
        self.steps += 1
        self.tokens += tokens
        for name, value in values.items():
            self.values[name] = self.values[name] + value if name in self.values else value

    def state(self) -> dict[str, Tensor]:
        """The sums as tensors on the CPU."""
        return {
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
            "tokens": torch.tensor(self.tokens),
            # After one step, the main channel's loss may be logged twice as one tensor, which cannot be stored twice.
            **{f"sum/{name}": value.cpu().clone() for name, value in self.values.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], steps: int, device: torch.device) -> "EpochSums":
        """Inverse of `state`."""
        sums = {name: value.to(device) for name, value in state.items() if name.startswith("sum/")}
        return cls(
            steps=steps,
            seconds=float(state["seconds"]),
            tokens=int(state["tokens"]),
            values={name.removeprefix("sum/"): value for name, value in sums.items()},
        )


class WarningCheck:
    """When a checkpoint within an epoch is due.

    Args:
        warned: None if there are no warnings; then nothing is asked and no worker waits for another.
        steps: number of the epoch's steps that are done.
    """

    def __init__(self, warned: Warned | None, steps: int) -> None:
        self._warned = warned
        self._asked, self._next, self._time = steps, steps + 1, time.monotonic()

    def is_due(self, steps: int) -> bool:
        """Whether to write a checkpoint after this step; True at most once, and on all workers."""
        if self._warned is None or steps < self._next:
            return False
        now = time.monotonic()
        found = Workers.current().gather_objects((self._warned(), (now - self._time) / (steps - self._asked)))
        if any(warned for warned, _ in found):
            self._warned = None
            return True
        slowest = max(seconds for _, seconds in found)
        self._asked, self._time = steps, now
        self._next = steps + max(1, int(EVERY_S / max(slowest, EVERY_S / MOST_STEPS)))
        return False
