"""The optimiser at each step of a training, and the rate that it should have."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook


@contextmanager
def watched_steps(watch: Callable[[torch.optim.Optimizer], None]) -> Iterator[None]:
    """Calls a function with the optimiser before each of its steps."""

    def hook(optimizer: torch.optim.Optimizer, arguments: Any, options: Any) -> None:
        watch(optimizer)

    handle = register_optimizer_step_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def rate_twin(step: int, steps: int, warmup: float, peak: float) -> float:
    """Linear up to `peak` and down to 0."""
    rising = round(warmup * steps)
    return peak * (step / rising if step < rising else (steps - step) / (steps - rising))
