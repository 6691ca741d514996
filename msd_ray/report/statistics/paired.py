"""Paired tests between two rows over their seeds, and Holm's correction for several tests."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

# Scores are quotients of counts with errors of about 1e-16; differences that are equal exactly must be ties.
DECIMALS = 12


@dataclass(frozen=True, kw_only=True)
class PairedTests:
    """Two-sided tests of the differences a - b, one difference per seed."""

    n: int
    """Number of seeds that both rows have."""
    difference: float | None
    """Mean of a - b over these seeds; None without a seed."""
    t_p: float | None
    """p of the paired t-test; None if undefined."""
    wilcoxon_p: float | None
    """p of the Wilcoxon signed-rank test; None if undefined."""


def paired_tests(a: Mapping[int, float], b: Mapping[int, float]) -> PairedTests:
    """Compare two rows' scores (seed -> score) over the seeds that both have.

    Differences are rounded to 12 decimals, so that equal differences are ties. Both tests need two or more seeds.

    - The t-test (Student 1908) is undefined (None) if all differences are equal, because it divides by their deviation.
    - The signed-rank test (Wilcoxon 1945, "Individual comparisons by ranking methods") leaves out differences of zero
      and is undefined (None) if all are zero. p is exact: from the distribution of the ranks or, with ties or zeros,
      over all 2^n signs. With ties or zeros and more than 13 seeds it is the normal approximation. n differences have
      2^n signs, hence p >= 2 / 2^n: five seeds cannot give p below 0.0625, six not below 0.03125. With five seeds this
      test is never significant at 0.05.

    >>> tests = paired_tests({0: 0.50, 1: 0.52, 2: 0.51}, {0: 0.48, 1: 0.49, 2: 0.50, 7: 0.9})
    >>> tests.n, round(tests.difference, 4), round(tests.t_p, 4), tests.wilcoxon_p
    (3, 0.02, 0.0742, 0.25)

    Raises:
        ValueError: a score is not a finite number.
    """
    for value in (*a.values(), *b.values()):
        if not math.isfinite(value):
            raise ValueError(f"paired tests: expected finite scores, found {value}")
    differences = [round(a[seed] - b[seed], DECIMALS) for seed in sorted(a.keys() & b.keys())]
    return PairedTests(
        n=len(differences),
        difference=statistics.fmean(differences) if differences else None,
        t_p=float(stats.ttest_1samp(differences, 0.0).pvalue) if len(set(differences)) > 1 else None,
        wilcoxon_p=float(stats.wilcoxon(differences).pvalue) if len(differences) > 1 and any(differences) else None,
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return the adjusted p values of a family of tests, in the order given (Holm 1979, "A simple sequentially ...").

    Of m values, the smallest is multiplied by m, the next by m - 1, and so on; each is at least the one before it and
    at most 1. Rejecting adjusted values below 0.05 keeps the family-wise error rate below 0.05, also for dependent
    tests. None stands for a test that was not made: it stays None and does not count towards m.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]

    Raises:
        ValueError: a value is not in 0..1.
    """
    made = [(p, index) for index, p in enumerate(p_values) if p is not None]
    for p, _ in made:
        if not 0 <= p <= 1:
            raise ValueError(f"expected p values in 0..1, found {p}")
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(sorted(made)):
        largest = max(largest, min(1.0, (len(made) - rank) * p))
        adjusted[index] = largest
    return adjusted
