"""The paired bootstrap: whether two runs' entity F1 differ beyond the choice of the scored sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from msd_ray.statistics.spans import sentence_spans

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

BATCH = 1_000_000
"""Resampled sentences that lie in memory at once; each has five counts."""


@dataclass(frozen=True, kw_only=True)
class BootstrapDifference:
    """F1 of a minus F1 of b, in -1..1."""

    difference: float
    """On the sentences as they are."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of it."""
    p: float
    """Two-sided p of no difference."""


def bootstrap_difference(
    gold: Sequence[Sequence[str]],
    a: Sequence[Sequence[str]],
    b: Sequence[Sequence[str]],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> BootstrapDifference:
    """Resample sentences with replacement, the same for both systems, and compare their micro F1 (Eq. 16) each time.

    - Interval: the percentile interval, from the 2.5 % to the 97.5 % quantile of the differences (Efron and
      Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13); resampling both systems on the same
      sentences follows Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation".
    - p = min(1, 2 * (1 + k) / (1 + samples)), k the smaller one of the numbers of differences <= 0 and >= 0: the level
      at which the percentile interval begins to touch zero, with the observed data counted as one more sample
      (Davison and Hinkley 1997, "Bootstrap Methods and their Application", chapter 4), so that p is never 0. Interval
      and p agree: p is below 0.05 where the interval leaves zero out, up to one sample.

    It says what another choice of *sentences* would do to these two runs. It says nothing about other seeds.

    Args:
        gold: BIO labels, one sequence a sentence.
        a: the one system's labels, as long as the gold ones.
        b: the other system's labels.
        samples: number of resampled corpora.
        seed: of the resampling; the same seed gives the same digits.

    Raises:
        ValueError: fewer than two sentences, fewer than one sample, different lengths, or labels that are not BIO.
    """
    if len(gold) < 2 or samples < 1:
        raise ValueError(f"a bootstrap needs 2 sentences and 1 sample or more, got {len(gold)} and {samples}")
    counts = (*_counts(gold, a), *_counts(gold, b)[1:])  # the gold entities once
    result = stats.bootstrap(
        counts,
        _f1_difference,
        n_resamples=samples,
        batch=max(1, BATCH // len(gold)),
        paired=True,
        vectorized=True,
        axis=-1,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    differences = result.bootstrap_distribution  # (samples,)
    smaller = int(min((differences <= 0).sum(), (differences >= 0).sum()))
    return BootstrapDifference(
        difference=float(_f1_difference(*counts)),
        low=float(result.confidence_interval.low),
        high=float(result.confidence_interval.high),
        p=min(1.0, 2 * (1 + smaller) / (1 + samples)),
    )


def _counts(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> tuple[Int64, Int64, Int64]:
    """Gold, predicted and correct entities of each sentence, each (S,)."""
    rows = [(len(g), len(p), len(set(g).intersection(p))) for g, p in sentence_spans(gold, predicted)]
    in_gold, in_predicted, correct = np.array(rows, dtype=np.int64).T
    return in_gold, in_predicted, correct


def _f1_difference(
    gold: Int64, predicted_a: Int64, correct_a: Int64, predicted_b: Int64, correct_b: Int64, axis: int = -1
) -> Float64:
    """Counts (..., S) -> differences of the F1 scores (...)."""
    entities = gold.sum(axis)
    return _f1(entities, predicted_a.sum(axis), correct_a.sum(axis)) - _f1(
        entities, predicted_b.sum(axis), correct_b.sum(axis)
    )


def _f1(gold: Int64, predicted: Int64, correct: Int64) -> Float64:
    """F1 of sums of counts, 0 where there is no entity, as `msd_ray.evaluation` has it."""
    scores: Float64 = 2 * correct / np.maximum(gold + predicted, 1)
    return scores
