"""Mean, deviation and interval of one score over several seeds; text of scores, differences and p values."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One score over several seeds, in the unit of its values."""

    n: int
    """Number of values."""
    mean: float
    deviation: float | None
    """Sample standard deviation (n - 1); None for one value."""
    low: float | None
    """Lower end of the interval for the mean; None for one value."""
    high: float | None
    """Upper end; None for one value."""


def summarise(values: Sequence[float], confidence: float = 0.95) -> Summary:
    """Summarise independent values, in any order, with Student's t interval for their mean.

    The interval is mean -+ t * deviation / sqrt(n), with t the (1 + confidence) / 2 quantile of Student's
    distribution with n - 1 degrees of freedom (Student 1908, "The probable error of a mean"). It assumes approximately
    normal values and covers the mean over all seeds, not the score of another seed. It is not clipped to 0..1.

    >>> summary = summarise([0.70, 0.72, 0.74])
    >>> [round(value, 4) for value in (summary.mean, summary.deviation, summary.low, summary.high)]
    [0.72, 0.02, 0.6703, 0.7697]

    Raises:
        ValueError: no value, a value that is not finite, or a confidence outside of 0..1.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"expected one or more finite values, found {list(values)}")
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, found {confidence}")
    n, mean = len(values), statistics.fmean(values)  # exact sums, independent of the order
    if n == 1:
        return Summary(n=n, mean=mean, deviation=None, low=None, high=None)
    deviation = statistics.stdev(values)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * deviation / math.sqrt(n)
    return Summary(n=n, mean=mean, deviation=deviation, low=mean - half, high=mean + half)


def signed(value: float, decimals: int = 2) -> str:
    """Format a difference: `+0.31`, `−1.20`; `+0.00` also for a negative number that rounds to zero."""
    return f"{value:+z.{decimals}f}".replace("-", "−")


def percent_range(low: float, high: float, *, between: str = " to ") -> str:
    """Format an interval's ends in percent: `−0.31 to 1.20`."""
    return f"{100 * low:.2f}{between}{100 * high:.2f}".replace("-", "−")


def spread(summary: Summary, *, scale: float = 100.0, decimals: int = 2) -> str:
    """Format mean and deviation: `61.67 ± 0.41`, without the deviation for one seed."""
    deviation = "" if summary.deviation is None else f" ± {scale * summary.deviation:.{decimals}f}"
    return f"{scale * summary.mean:.{decimals}f}{deviation}"


def p_text(p: float | None) -> str:
    """Format a p value with four decimals, which show 0.0625 of five seeds exactly; `n/a` if undefined."""
    if p is None:
        return "n/a"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"
