"""Paired bootstrap of the difference between two systems' entity F1 over seeds and scored sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from msd_ray.method.entity_scores import Labels, sentence_spans

from .paired import DECIMALS

Float64 = npt.NDArray[np.float64]

BATCH = 1_000_000
"""Number of resampled sentences in memory at once."""


@dataclass(frozen=True, kw_only=True)
class BootstrapDifference:
    """Mean over seeds of F1 of a minus F1 of b, in -1..1."""

    difference: float
    """On the original seeds and sentences."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of the interval."""
    p: float
    """Two-sided p of no difference."""


def bootstrap_difference(
    gold: Labels,
    a: Sequence[Labels],
    b: Sequence[Labels],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> BootstrapDifference:
    """Compare the micro F1 (Eq. 16) of two systems by resampling seeds and sentences, the same for both systems.

    A sample draws K of the K seeds and S of the S sentences, both with replacement and independently. Every drawn seed
    is scored on the drawn sentences; the sample's difference is the mean over the drawn seeds of F1 of a minus F1 of b.
    Resampling the rows and columns of a table is the pigeonhole bootstrap (Owen 2007, "The pigeonhole bootstrap",
    Annals of Applied Statistics 1), which overestimates rather than underestimates the variance. Resampling both
    systems alike follows Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation".

    - Interval: the percentile interval, from the 2.5 % to the 97.5 % quantile of the differences (Efron and
      Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13).
    - p = min(1, 2 * (1 + k) / (1 + samples)), with k the smaller of the numbers of differences <= 0 and >= 0: the level
      at which the percentile interval reaches zero. The observed data count as one more sample (Davison and Hinkley
      1997, "Bootstrap Methods and their Application", chapter 4), so that p is never 0. p is below 0.05 if the
      interval excludes zero, up to one sample.

    With one seed, the interval covers the choice of *sentences* only, not of seeds. With few seeds it is too narrow: K
    resampled seeds vary less than K new ones.

    Args:
        gold: BIO labels of the S sentences.
        a: one system's labels, one run per seed, each with the lengths of the gold labels.
        b: the other system's labels, for the same K seeds in the same order.
        samples: number of samples.
        seed: seed of the resampling; equal seeds give equal digits.

    Raises:
        ValueError: fewer than two sentences, no seed, no sample, different numbers of runs of a and b, numbers of
            sentences or labels that differ from the gold ones, or a label that is not BIO.
    """
    if len(gold) < 2 or samples < 1 or not a:
        raise ValueError(
            f"expected at least 2 sentences, 1 seed and 1 sample, found {len(gold)}, {len(a)} and {samples}"
        )
    if len(a) != len(b):
        raise ValueError(f"expected {len(a)} runs of b, one per run of a, found {len(b)}")
    counts = _counts(gold, [*a, *b])
    seeds, sentences = (np.random.default_rng([seed, stream]) for stream in (0, 1))
    batch = max(1, BATCH // len(gold))
    differences = np.concatenate(
        [
            _resampled(counts, min(batch, samples - start), sentences=sentences, seeds=seeds)
            for start in range(0, samples, batch)
        ]
    )
    low, high = np.quantile(differences, (0.025, 0.975))
    smaller = int(min((differences <= 0).sum(), (differences >= 0).sum()))
    return BootstrapDifference(
        difference=float(_f1_differences(counts.sum(axis=0)).mean().round(DECIMALS)),
        low=float(low),
        high=float(high),
        p=min(1.0, 2 * (1 + smaller) / (1 + samples)),
    )


def _resampled(counts: Float64, samples: int, *, sentences: np.random.Generator, seeds: np.random.Generator) -> Float64:
    """Return the differences (N,) of N = `samples` samples. counts: (S, 1 + 4K)."""
    number, columns = counts.shape
    drawn = sentences.integers(number, size=(samples, number))
    cells = drawn + number * np.arange(samples)[:, None]
    times = np.bincount(cells.ravel(), minlength=samples * number).reshape(samples, number)
    by_seed = _f1_differences(times.astype(np.float64) @ counts)  # (N, K)
    chosen = seeds.integers(columns // 4, size=by_seed.shape)
    # Rounded, so that differences that cancel out are exactly zero.
    means: Float64 = np.take_along_axis(by_seed, chosen, axis=1).mean(axis=1).round(DECIMALS)
    return means


def _counts(gold: Labels, runs: Sequence[Labels]) -> Float64:
    """Count gold entities, then each run's predicted entities, then each run's correct ones: (S, 1 + 2 runs).

    The counts are floats, because float matrix products are fast, and exact for counts.
    """
    in_gold: list[int] = []
    predicted: list[list[int]] = []
    correct: list[list[int]] = []
    for run in runs:
        spans = list(sentence_spans(gold, run))
        in_gold = [len(g) for g, _ in spans]
        predicted.append([len(p) for _, p in spans])
        correct.append([len(set(g).intersection(p)) for g, p in spans])
    return np.array([in_gold, *predicted, *correct], dtype=np.float64).T


def _f1_differences(sums: Float64) -> Float64:
    """Return F1 of a minus F1 of b for each seed (..., K) from sums of counts (..., 1 + 4K).

    F1 is 0 without entities, as in `msd_ray.method.entity_scores`.
    """
    in_gold = sums[..., :1]
    predicted, correct = np.split(sums[..., 1:], 2, axis=-1)
    f1: Float64 = 2 * correct / np.maximum(in_gold + predicted, 1)
    of_a, of_b = np.split(f1, 2, axis=-1)
    difference: Float64 = of_a - of_b
    return difference
