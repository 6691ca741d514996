"""A few steps of a training, to measure how long it takes."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

from .loop import StepLoss, Task
from .tagger import MultiChannelTagger

Step = TypeVar("Step")


def spread(steps: Sequence[Step], size: Callable[[Step], int], count: int) -> list[Step]:
    """`count` steps, or all where there are fewer, from the smallest to the largest, at even distances."""
    by_size = sorted(steps, key=size)
    chosen = min(count, len(by_size))
    return [by_size[int(place)] for place in (np.arange(chosen) + 0.5) * len(by_size) / chosen]


class SpreadSteps(Generic[Step]):
    """A task with short epochs: `count` of its steps from the shortest to the longest, at even distances."""

    def __init__(self, task: Task[Step], size: Callable[[Step], int], count: int) -> None:
        self._task = task
        self._size = size
        self.steps_per_epoch = min(count, task.steps_per_epoch)

    def steps(self, epoch: int) -> list[Step]:
        """The epoch's steps."""
        return spread(self._task.steps(epoch), self._size, self.steps_per_epoch)

    def loss(self, model: MultiChannelTagger, step: Step) -> StepLoss:
        """The task's own loss."""
        return self._task.loss(model, step)

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """None: they are no part of a step."""
        return {}
