"""A few steps of a training, to measure how long it takes."""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from ..model import MultiChannelTagger
from .loop import StepLoss, Task

Step = TypeVar("Step")


class SpreadSteps(Generic[Step]):
    """A task with short epochs: `count` of its steps from the shortest to the longest, at even distances."""

    def __init__(self, task: Task[Step], size: Callable[[Step], int], count: int) -> None:
        self._task = task
        self._size = size
        self.steps_per_epoch = min(count, task.steps_per_epoch)

    def steps(self, epoch: int) -> list[Step]:
        """The epoch's steps."""
        by_size = sorted(self._task.steps(epoch), key=self._size)
        places = (np.arange(self.steps_per_epoch) + 0.5) * len(by_size) / self.steps_per_epoch
        return [by_size[int(place)] for place in places]

    def loss(self, model: MultiChannelTagger, step: Step) -> StepLoss:
        """The task's own loss."""
        return self._task.loss(model, step)

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """None: they are no part of a step."""
        return {}
