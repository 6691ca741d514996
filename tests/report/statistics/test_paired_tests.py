"""Paired tests against their definitions: the integrated t density, all signs of the ranks, closed testing."""

import itertools
import math
import random
from collections.abc import Sequence

import pytest

from msd_ray.report.statistics.paired import PairedTests, holm, paired_tests


def seeds(values: Sequence[float]) -> dict[int, float]:
    return dict(enumerate(values))


def t_test_twin(differences: Sequence[float]) -> float:
    """Two-sided p from the density of Student's distribution, integrated by Simpson's rule."""
    n = len(differences)
    mean = sum(differences) / n
    t = mean / math.sqrt(sum((d - mean) ** 2 for d in differences) / (n - 1) / n)
    v = n - 1
    scale = math.gamma((v + 1) / 2) / math.gamma(v / 2) / math.sqrt(v * math.pi)
    steps = 20_000
    h = abs(t) / steps
    density = [scale * math.pow(1 + (i * h) ** 2 / v, -(v + 1) / 2) for i in range(steps + 1)]
    inside = h / 3 * (density[0] + density[-1] + 4 * sum(density[1:-1:2]) + 2 * sum(density[2:-1:2]))
    return 1 - 2 * inside


def wilcoxon_twin(differences: Sequence[float]) -> float:
    """Return the share of all sign patterns whose rank sum is at least as extreme, in either direction."""
    nonzero = [d for d in differences if d != 0]
    sizes = [abs(d) for d in nonzero]
    ranks = [sum(other < size for other in sizes) + (sizes.count(size) + 1) / 2 for size in sizes]
    observed = sum(rank for rank, d in zip(ranks, nonzero, strict=True) if d > 0)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product((False, True), repeat=len(nonzero))]
    below, above = sum(s <= observed for s in sums), sum(s >= observed for s in sums)
    return min(1.0, 2 * min(below, above) / len(sums))


@pytest.mark.parametrize("n", [2, 3, 5, 10])
@pytest.mark.parametrize("shift", [0.0, 0.01, -0.05])
def test_both_tests_are_their_definitions(n: int, shift: float) -> None:
    rng = random.Random(n)
    a = [rng.gauss(0.6, 0.02) for _ in range(n)]
    b = [value - shift + rng.gauss(0.0, 0.01) for value in a]
    differences = [x - y for x, y in zip(a, b, strict=True)]
    tests = paired_tests(seeds(a), seeds(b))
    assert tests.n == n
    assert tests.difference == pytest.approx(sum(differences) / n, abs=1e-12)
    assert tests.t_p == pytest.approx(t_test_twin(differences), abs=1e-8)
    assert tests.wilcoxon_p == pytest.approx(wilcoxon_twin(differences), abs=1e-12)


@pytest.mark.parametrize(
    "differences",
    [
        [0.01, 0.01, 0.02, -0.01, 0.03],  # ties
        [0.0, 0.01, 0.02, 0.03, -0.04],  # a zero
        [0.0, 0.0, 0.02, 0.02, 0.02],
        [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.02],
        [0.0, 0.01],
    ],
)
def test_the_signed_rank_test_is_exact_with_ties_and_zeros(differences: list[float]) -> None:
    """Return scores whose differences are exact ties that differ in the last bit as floats."""
    b = [0.1 + 0.1 * i for i in range(len(differences))]
    a = [y + d for y, d in zip(b, differences, strict=True)]
    assert paired_tests(seeds(a), seeds(b)).wilcoxon_p == pytest.approx(wilcoxon_twin(differences), abs=1e-12)


def test_five_seeds_cannot_go_below_one_in_sixteen() -> None:
    for size in (0.001, 0.1, 0.9):
        tests = paired_tests(seeds([size * (1 + 0.01 * i) for i in range(5)]), seeds([0.0] * 5))
        assert tests.wilcoxon_p == pytest.approx(0.0625, abs=1e-12)
        assert tests.t_p is not None
        assert tests.t_p < 1e-6


def test_the_two_rows_change_places() -> None:
    a, b = seeds([0.61, 0.64, 0.60, 0.66]), seeds([0.60, 0.61, 0.62, 0.61])
    forth, back = paired_tests(a, b), paired_tests(b, a)
    assert forth.difference is not None
    assert back == PairedTests(n=4, difference=-forth.difference, t_p=forth.t_p, wilcoxon_p=forth.wilcoxon_p)


def test_only_common_seeds_count_in_any_order() -> None:
    a = {3: 0.63, 1: 0.61, 2: 0.66, 8: 0.1}
    b = {2: 0.62, 9: 0.9, 1: 0.60, 3: 0.61}
    expected = paired_tests({1: 0.61, 2: 0.66, 3: 0.63}, {1: 0.60, 2: 0.62, 3: 0.61})
    assert expected.n == 3
    assert paired_tests(a, b) == expected


def test_undefined_p_values_are_none() -> None:
    none = PairedTests(n=0, difference=None, t_p=None, wilcoxon_p=None)
    assert paired_tests({}, {}) == none
    assert paired_tests({0: 0.5}, {1: 0.5}) == none
    assert paired_tests({0: 0.75}, {0: 0.5}) == PairedTests(n=1, difference=0.25, t_p=None, wilcoxon_p=None)
    same = seeds([0.1, 0.2, 0.3])
    assert paired_tests(same, same) == PairedTests(n=3, difference=0.0, t_p=None, wilcoxon_p=None)


def test_equal_differences_have_no_t_test() -> None:
    """0.1 + 0.2 - 0.2 is not 0.1: without rounding, p would be 1e-60."""
    b = [0.1, 0.2, 0.3, 0.7, 0.15]
    tests = paired_tests(seeds([value + 0.1 for value in b]), seeds(b))
    assert len({value + 0.1 - value for value in b}) > 1
    assert tests.difference == pytest.approx(0.1)
    assert tests.t_p is None
    assert tests.wilcoxon_p == pytest.approx(0.0625)


def test_scores_that_are_not_finite_are_rejected() -> None:
    with pytest.raises(ValueError, match="finite scores"):
        paired_tests({0: math.nan, 1: 0.5}, {0: 0.5, 1: 0.5})


def holm_twin(p_values: Sequence[float]) -> list[float]:
    """Closed testing (Marcus et al. 1976): the largest Bonferroni p of all families that contain the test."""
    tests = range(len(p_values))
    families = [f for size in range(1, len(p_values) + 1) for f in itertools.combinations(tests, size)]
    return [
        max(min(1.0, len(family) * min(p_values[i] for i in family)) for family in families if test in family)
        for test in tests
    ]


@pytest.mark.parametrize("seed", range(10))
def test_holm_is_the_closed_bonferroni_test(seed: int) -> None:
    rng = random.Random(seed)
    p_values = [rng.choice((0.01, 0.04, rng.random() / 10, rng.random())) for _ in range(rng.randrange(1, 9))]
    assert holm(p_values) == pytest.approx(holm_twin(p_values), abs=1e-15)


def test_holm_by_hand_skips_none_and_preserves_the_order() -> None:
    assert holm([None, 0.04, 0.01, None, 0.03]) == [None, pytest.approx(0.06), pytest.approx(0.03), None, 0.06]
    assert holm([None, None]) == [None, None]
    assert holm([]) == []
    assert holm([0.3, 0.9, 0.0]) == [pytest.approx(0.6), 0.9, 0.0]
    assert holm([0.6, 0.7]) == [1.0, 1.0]


@pytest.mark.parametrize("p", [-0.01, 1.01, math.nan])
def test_holm_rejects_values_outside_0_to_1(p: float) -> None:
    with pytest.raises(ValueError, match=r"expected p values in 0\.\.1"):
        holm([0.5, p])
