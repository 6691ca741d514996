"""Mean, deviation and Student's interval against hand calculation and a printed table."""

import math
import random

import numpy as np
import pytest

from msd_ray.report.statistics.summary import Summary, summarise

# Student's t for 95 % and 99 %, two-sided, by degrees of freedom: the table that textbooks print.
T_TABLE = {
    0.95: {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 30: 2.042},
    0.99: {1: 63.657, 2: 9.925, 3: 5.841, 4: 4.604, 9: 3.250, 30: 2.750},
}


@pytest.mark.parametrize(("confidence", "degrees"), [(c, d) for c, table in T_TABLE.items() for d in table])
def test_the_interval_is_students(confidence: float, degrees: int) -> None:
    rng = random.Random(degrees)
    values = [rng.gauss(0.5, 0.02) for _ in range(degrees + 1)]
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / degrees)
    half = T_TABLE[confidence][degrees] * deviation / math.sqrt(len(values))
    summary = summarise(values, confidence)
    assert summary.n == degrees + 1
    assert summary.mean == pytest.approx(mean, rel=1e-12)
    assert summary.deviation == pytest.approx(deviation, rel=1e-12)
    assert summary.low == pytest.approx(mean - half, abs=3e-4 * half)
    assert summary.high == pytest.approx(mean + half, abs=3e-4 * half)


def test_five_seeds_by_hand() -> None:
    summary = summarise([0.60, 0.62, 0.61, 0.63, 0.59])
    assert summary.mean == pytest.approx(0.61)
    assert summary.deviation == pytest.approx(math.sqrt(0.00025))
    assert summary.low == pytest.approx(0.61 - 2.776445 * math.sqrt(0.00005), abs=1e-8)
    assert summary.high == pytest.approx(0.61 + 2.776445 * math.sqrt(0.00005), abs=1e-8)


def test_the_interval_has_its_nominal_coverage() -> None:
    rng = np.random.default_rng(0)
    intervals = [summarise(rng.normal(0.5, 0.1, size=5).tolist()) for _ in range(2000)]
    covered = sum(s.low is not None and s.high is not None and s.low <= 0.5 <= s.high for s in intervals)
    assert 0.935 < covered / len(intervals) < 0.965


def test_the_order_of_the_seeds_changes_no_digit() -> None:
    rng = random.Random(0)
    values = [rng.random() for _ in range(9)]
    expected = summarise(values)
    for _ in range(20):
        rng.shuffle(values)
        assert summarise(values) == expected


def test_one_value_has_no_spread() -> None:
    assert summarise([0.7]) == Summary(n=1, mean=0.7, deviation=None, low=None, high=None)


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert summarise([0.7] * 5) == Summary(n=5, mean=0.7, deviation=0.0, low=0.7, high=0.7)


@pytest.mark.parametrize("values", [[], [math.nan], [0.5, math.inf]])
def test_values_that_cannot_be_summarised(values: list[float]) -> None:
    with pytest.raises(ValueError, match="one or more finite values"):
        summarise(values)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_in_percent_is_rejected(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        summarise([0.5, 0.6], confidence)
