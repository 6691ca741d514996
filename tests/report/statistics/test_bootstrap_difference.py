"""The paired bootstrap against a loop that resamples seeds and sentences and scores each resampled corpus."""

import math
import random
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from msd_ray.method.entity_scores import entity_scores
from msd_ray.report.statistics import bootstrap
from msd_ray.report.statistics.bootstrap import BootstrapDifference, bootstrap_difference

Sentences = list[list[str]]
Draw = Callable[..., tuple[Sentences, Sentences]]


def twin(gold: Sentences, a: list[Sentences], b: list[Sentences], samples: int, seed: int) -> BootstrapDifference:
    seeds, sentences = (np.random.default_rng([seed, stream]) for stream in (0, 1))

    def difference(runs: Iterable[int], drawn: Iterable[int]) -> float:
        chosen, differences = list(drawn), []
        for run in runs:
            new_gold, new_a, new_b = ([labels[i] for i in chosen] for labels in (gold, a[run], b[run]))
            differences.append(entity_scores(new_gold, new_a).f1 - entity_scores(new_gold, new_b).f1)
        return round(float(np.mean(differences)), 12)

    differences = []
    for _ in range(samples):
        drawn = sentences.integers(len(gold), size=len(gold))
        differences.append(difference(seeds.integers(len(a), size=len(a)), drawn))
    differences.sort()

    def quantile(share: float) -> float:
        place = share * (samples - 1)
        below, above = differences[math.floor(place)], differences[math.ceil(place)]
        return below + (above - below) * (place - math.floor(place))

    not_above, not_below = sum(d <= 0 for d in differences), sum(d >= 0 for d in differences)
    return BootstrapDifference(
        difference=difference(range(len(a)), range(len(gold))),
        low=quantile(0.025),
        high=quantile(0.975),
        p=min(1.0, 2 * (min(not_above, not_below) + 1) / (samples + 1)),
    )


def two_systems(
    draw: Draw, seed: int, better: float, runs: int = 1
) -> tuple[Sentences, list[Sentences], list[Sentences]]:
    """Return two systems with errors in different sentences; a is correct in `better` more sentences."""
    gold, _ = draw(seed, valid=True, agreement=0.4)
    rng = random.Random(seed)
    a: list[Sentences] = []
    b: list[Sentences] = []
    for run in range(runs):
        for system, share in ((a, 0.4 + better), (b, 0.4)):
            _, other = draw(seed + 1000 * (1 + 2 * run + (system is b)), valid=True)
            padded = [(labels + ["O"] * len(g))[: len(g)] for labels, g in zip(other, gold, strict=True)]
            system.append([g if rng.random() < share else labels for g, labels in zip(gold, padded, strict=True)])
    return gold, a, b


@pytest.mark.parametrize("runs", [1, 2, 5])
@pytest.mark.parametrize("better", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("batch", [1, 700, 1_000_000])
def test_it_is_the_loops(
    random_sentences: Draw, monkeypatch: pytest.MonkeyPatch, runs: int, better: float, batch: int
) -> None:
    """The batch size does not change the result."""
    monkeypatch.setattr(bootstrap, "BATCH", batch)
    gold, a, b = two_systems(random_sentences, runs, better, runs)
    found = bootstrap_difference(gold, a, b, samples=100, seed=runs)
    expected = twin(gold, a, b, 100, runs)
    assert found.difference == pytest.approx(expected.difference, abs=2e-12)
    assert found.low == pytest.approx(expected.low, abs=2e-12)
    assert found.high == pytest.approx(expected.high, abs=2e-12)
    assert found.p == expected.p
    assert found.low < found.high


def test_the_difference_is_that_of_the_means_over_seeds(random_sentences: Draw) -> None:
    gold, a, b = two_systems(random_sentences, 3, 0.1, runs=4)
    of_a, of_b = ([entity_scores(gold, run).f1 for run in system] for system in (a, b))
    assert bootstrap_difference(gold, a, b, samples=1).difference == pytest.approx(np.mean(of_a) - np.mean(of_b))


def test_seeds_that_differ_widen_the_interval(random_sentences: Draw) -> None:
    """Three equal runs have no variance over seeds; three different runs do."""
    gold, (good,), (poor,) = two_systems(random_sentences, 0, 0.3)
    alike = bootstrap_difference(gold, [good] * 3, [poor] * 3)
    assert alike == bootstrap_difference(gold, [good], [poor])
    mixed = bootstrap_difference(gold, [good, good, poor], [poor, poor, good])
    assert mixed.high - mixed.low > 1.5 * (alike.high - alike.low)
    assert mixed.p > 0.2 > alike.p


def test_seeds_are_paired(random_sentences: Draw) -> None:
    """Seeds that affect both systems alike do not widen the interval of their difference."""
    gold, (good,), _ = two_systems(random_sentences, 0, 0.3)
    nothing = [["O"] * len(labels) for labels in gold]
    with_a_bad_seed = bootstrap_difference(gold, [good, nothing], [good, nothing])
    assert (with_a_bad_seed.low, with_a_bad_seed.high, with_a_bad_seed.p) == (0.0, 0.0, 1.0)
    other_order = bootstrap_difference(gold, [nothing, good], [good, nothing])
    assert other_order.low < 0 < other_order.high


def test_the_seed_decides_every_digit(random_sentences: Draw) -> None:
    gold, a, b = two_systems(random_sentences, 0, 0.1)
    first = bootstrap_difference(gold, a, b, seed=7)
    assert bootstrap_difference(gold, a, b, seed=7) == first
    other = bootstrap_difference(gold, a, b, seed=8)
    assert other.difference == first.difference
    assert (other.low, other.high) != (first.low, first.high)


def test_the_two_systems_change_places(random_sentences: Draw) -> None:
    gold, a, b = two_systems(random_sentences, 1, 0.2)
    forth, back = bootstrap_difference(gold, a, b), bootstrap_difference(gold, b, a)
    assert back.difference == -forth.difference
    assert back.low == pytest.approx(-forth.high, abs=2e-12)
    assert back.high == pytest.approx(-forth.low, abs=2e-12)
    assert back.p == forth.p


def test_p_and_interval_agree(random_sentences: Draw) -> None:
    outside = 0
    for seed in range(40):
        found = bootstrap_difference(*two_systems(random_sentences, seed, 0.1), samples=999)
        if not 0.048 < found.p < 0.054:  # one sample more or less decides
            assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
            outside += found.p < 0.05
    assert 5 < outside < 35


def test_systems_of_equal_quality_differ_as_rarely_as_they_should(random_sentences: Draw) -> None:
    p_values = [bootstrap_difference(*two_systems(random_sentences, seed, 0.0), samples=199).p for seed in range(200)]
    assert sum(p < 0.05 for p in p_values) / len(p_values) < 0.11
    assert sum(p < 0.5 for p in p_values) / len(p_values) == pytest.approx(0.5, abs=0.12)


def test_the_same_predictions_do_not_differ(random_sentences: Draw) -> None:
    gold, predicted = random_sentences(0)
    nothing = BootstrapDifference(difference=0.0, low=0.0, high=0.0, p=1.0)
    assert bootstrap_difference(gold, [predicted] * 2, [predicted] * 2) == nothing
    assert bootstrap_difference([["O"]] * 5, [[["O"]] * 5], [[["O"]] * 5]) == nothing  # F1 is 0 without entities


def test_a_clear_difference_has_the_smallest_p(random_sentences: Draw) -> None:
    gold, _ = random_sentences(0, valid=True)
    nothing_found = [["O"] * len(labels) for labels in gold]
    found = bootstrap_difference(gold, [gold], [nothing_found], samples=999)
    assert (found.difference, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.p == pytest.approx(2 / 1000)


def test_invalid_arguments_of_the_bootstrap_are_rejected() -> None:
    one, two = [["O"]], [["O"]] * 2
    needs = "expected at least 2 sentences, 1 seed and 1 sample"
    with pytest.raises(ValueError, match=f"{needs}, found 1, 1 and 2000"):
        bootstrap_difference(one, [one], [one])
    with pytest.raises(ValueError, match=f"{needs}, found 2, 0 and 2000"):
        bootstrap_difference(two, [], [])
    with pytest.raises(ValueError, match=f"{needs}, found 2, 1 and 0"):
        bootstrap_difference(two, [two], [two], samples=0)
    with pytest.raises(ValueError, match="expected 1 runs of b, one per run of a, found 2"):
        bootstrap_difference(two, [two], [two, two])
    with pytest.raises(ValueError, match="expected 2 predicted sentences, one per gold sentence, found 1"):
        bootstrap_difference(two, [two], [one])
    with pytest.raises(ValueError, match="sentence 1: expected 1 predicted labels, found 2"):
        bootstrap_difference(two, [[["O"], ["O", "O"]]], [two])
