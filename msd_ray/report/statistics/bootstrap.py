"""The paired bootstrap: whether two systems' entity F1 differ beyond the choice of seeds and scored sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from msd_ray.method.entity_scores import Labels, sentence_spans

from .paired import DECIMALS

Float64 = npt.NDArray[np.float64]

BATCH = 1_000_000
"""Resampled sentences that lie in memory at once."""


@dataclass(frozen=True, kw_only=True)
class BootstrapDifference:
    """Mean over seeds of F1 of a minus F1 of b, in -1..1."""

    difference: float
    """On the seeds and sentences as they are."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of it."""
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
    """Resample seeds and sentences together, the same for both systems, and compare their micro F1 (Eq. 16) each time.

    A sample draws K of the K seeds and S of the S sentences, both with replacement and independently of each other;
    every drawn seed is scored on the drawn sentences, and the sample's difference is the mean over the drawn seeds of
    F1 of a minus F1 of b. Resampling rows and columns of a table so is the pigeonhole bootstrap (Owen 2007, "The
    pigeonhole bootstrap", Annals of Applied Statistics 1), whose variance is rather too large than too small;
    resampling both systems alike follows Koehn 2004, "Statistical Significance Tests for Machine Translation
    Evaluation".

    - Interval: the percentile interval, from the 2.5 % to the 97.5 % quantile of the differences (Efron and
      Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13).
    - p = min(1, 2 * (1 + k) / (1 + samples)), k the smaller one of the numbers of differences <= 0 and >= 0: the level
      at which the percentile interval begins to touch zero, with the observed data counted as one more sample
      (Davison and Hinkley 1997, "Bootstrap Methods and their Application", chapter 4), so that p is never 0. Interval
      and p agree: p is below 0.05 where the interval leaves zero out, up to one sample.

    With one seed it says what another choice of *sentences* would do to these two runs, and nothing about other seeds.
    A few seeds can only stand for all others roughly: K of them vary less in the resampling than new ones would.

    Args:
        gold: BIO labels of the S sentences.
        a: the one system's labels, one run per seed, each as long as the gold ones.
        b: the other system's labels, of the same K seeds in the same order.
        samples: number of resampled tables.
        seed: of the resampling; the same seed gives the same digits.

    Raises:
        ValueError: fewer than two sentences, no seed, no sample, another number of runs of a than of b, sentences or
            labels that do not fit the gold ones, or a label that is not BIO.
    """
    if len(gold) < 2 or samples < 1 or not a:
        raise ValueError(
            f"a bootstrap needs 2 sentences, 1 seed and 1 sample or more, got {len(gold)}, {len(a)} and {samples}"
        )
    if len(a) != len(b):
        raise ValueError(f"{len(a)} runs of a but {len(b)} of b: they are paired, one of each per seed")
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
    """Differences of so many samples (N,). counts: (S, 1 + 4K)."""
    number, columns = counts.shape
    drawn = sentences.integers(number, size=(samples, number))
    cells = drawn + number * np.arange(samples)[:, None]
    times = np.bincount(cells.ravel(), minlength=samples * number).reshape(samples, number)
    by_seed = _f1_differences(times.astype(np.float64) @ counts)  # (N, K)
    chosen = seeds.integers(columns // 4, size=by_seed.shape)
    # Rounded, so that differences that cancel out are zero whatever the rounding of the scores.
    means: Float64 = np.take_along_axis(by_seed, chosen, axis=1).mean(axis=1).round(DECIMALS)
    return means


def _counts(gold: Labels, runs: Sequence[Labels]) -> Float64:
    """Gold entities of each sentence, then those predicted by each run, then those that it predicts correctly:
    (S, 1 + 2 runs), as floats, whose products of matrices are fast and exact here.
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
    """Sums of counts (..., 1 + 4K) -> F1 of a minus F1 of b of each seed (..., K).

    F1 is 0 where there is no entity, as `msd_ray.method.entity_scores` has it.
    """
    in_gold = sums[..., :1]
    predicted, correct = np.split(sums[..., 1:], 2, axis=-1)
    f1: Float64 = 2 * correct / np.maximum(in_gold + predicted, 1)
    of_a, of_b = np.split(f1, 2, axis=-1)
    difference: Float64 = of_a - of_b
    return difference
