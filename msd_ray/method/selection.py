"""What chooses a training's epoch and ranks trials: the target's dev set, the source's, or no dev set.

The dev labels of the other language are not read in a training then. The paper chooses on the target's.
"""

from collections.abc import Sequence
from typing import Literal

from .checkpoints import EpochRecord
from .settings import SelectOn


def dev_language(select_on: SelectOn) -> Literal["target", "source"]:
    """Whose dev set scores trials: with `none` the source's, which ranks configurations and chooses no epoch."""
    return "target" if select_on == "target" else "source"


def dev_metric(select_on: SelectOn) -> str:
    """The metric that ranks trials, F1 in 0..1: `dev_target/f1` or `dev_source/f1`."""
    return f"dev_{dev_language(select_on)}/f1"


def chosen_epoch(epochs: Sequence[EpochRecord], select_on: SelectOn) -> int:
    """The first epoch with the highest score; with `none` the last one, which may be the mean of the last epochs.

    Raises:
        ValueError: no epochs.
    """
    if not epochs:
        raise ValueError("no epoch to choose from")
    if select_on == "none":
        return epochs[-1].epoch
    metric = dev_metric(select_on)
    return max(epochs, key=lambda record: record.metrics[metric]).epoch
