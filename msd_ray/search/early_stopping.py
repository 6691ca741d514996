"""Early stopping: asynchronous successive halving over epochs (ASHA, Li et al. 2020), as pure functions.

The rule is that of Ray Tune's `AsyncHyperBandScheduler` with one bracket. Tune keeps the values of a rung in the
scheduler's memory; here they are an argument, so that decisions depend only on the stored values, also after a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """When trials are pruned: at each rung, about 1/`reduction` of them continue.

    Args:
        epochs: epochs of a complete trial.
        grace: first rung. Above 1, because F1 after the first epoch says little about the final F1 (docs/load.md).
        reduction: see above.
        kinds: parameters that must be equal for two trials to be compared. Students that start from the encoder or
            learn by cross entropy improve later than others, and further.
    """

    epochs: int
    grace: int = 2
    reduction: int = 3
    kinds: tuple[str, ...] = ()

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs at which a trial is compared with others."""
        return rungs(self.epochs, self.grace, self.reduction)


def rungs(epochs: int, grace: int, reduction: int) -> tuple[int, ...]:
    """Return the epochs `grace * reduction ** k` before the last one, in order.

    The last epoch is not a rung, as nothing is left to save. With `grace >= epochs` there are none.

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

    At a rung it stops if its value is below the (1 - 1/`reduction`) quantile (linear interpolation) of `peers`, the
    values of all other trials at this epoch, whatever their state is now. The first trial at a rung continues.

    Raises:
        ValueError: a value that is not finite.
    """
    if not np.isfinite([value, *peers]).all():
        raise ValueError(f"values at epoch {epoch} must be finite, got {value} among {list(peers)}")
    if epoch not in rungs or not peers:
        return False
    return bool(value < np.percentile(peers, (1 - 1 / reduction) * 100))
