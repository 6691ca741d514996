"""Early stopping: asynchronous successive halving over epochs (ASHA, Li et al. 2020), as pure functions.

The rule is that of Ray Tune's `AsyncHyperBandScheduler` with one bracket. Tune keeps the values of a rung in the
scheduler's memory; here they are an argument: a study's stored values alone decide, also after a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """When trials are stopped early: from epoch `grace` on, at each rung all but about 1/`reduction` of them.

    Not after the first epoch: what a student has by then says least about what it comes to (docs/load.md).
    kinds: parameters that must be equal for two trials to be compared. Students that start at the encoder or learn by
    cross entropy rise later than others, and higher.
    """

    epochs: int
    grace: int = 2
    reduction: int = 3
    kinds: tuple[str, ...] = ()

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs at which a trial is compared with the others."""
        return rungs(self.epochs, self.grace, self.reduction)


def rungs(epochs: int, grace: int, reduction: int) -> tuple[int, ...]:
    """Return the epochs `grace * reduction ** k` before the last one, in order.

    The last epoch is no rung: nothing is left to save. `grace >= epochs` gives no rungs, so nothing is stopped.

    Raises:
        ValueError: `epochs` or `grace` below 1, `reduction` below 2.
    """
    if epochs < 1 or grace < 1 or reduction < 2:
        raise ValueError(f"need epochs >= 1, grace >= 1, reduction >= 2; got {epochs}, {grace}, {reduction}")
    found = []
    rung = grace
    while rung < epochs:
        found.append(rung)
        rung *= reduction
    return tuple(found)


def should_stop(epoch: int, value: float, peers: Sequence[float], *, rungs: Sequence[int], reduction: int) -> bool:
    """Whether a trial with `value` after `epoch` stops; higher values are better.

    At a rung it stops if its value lies below the (1 - 1/`reduction`) quantile (linear interpolation) of `peers`:
    the values that other trials had at exactly this epoch, whatever became of them since. The first trial at a
    rung goes on.

    Raises:
        ValueError: a value that is not finite.
    """
    if not np.isfinite([value, *peers]).all():
        raise ValueError(f"values at epoch {epoch} must be finite, got {value} among {list(peers)}")
    if epoch not in rungs or not peers:
        return False
    return bool(value < np.percentile(peers, (1 - 1 / reduction) * 100))
