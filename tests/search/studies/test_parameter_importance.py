"""Importance finds the parameter that matters, is seeded, and is None where there is nothing to find."""

import numpy as np
import pytest

from msd_ray.report.importance import FEWEST_TRIALS, parameter_importance
from msd_ray.search.parameters import JSON


def trials(count: int) -> tuple[list[dict[str, JSON]], list[float]]:
    """Trials whose score is a matter of the learning rate's magnitude, and hardly of anything else."""
    generator = np.random.default_rng(0)
    powers = generator.uniform(-5, -3, size=count)
    parameters: list[dict[str, JSON]] = [
        {
            "learning_rate": float(10**power),
            "dropout": float(generator.uniform(0, 0.3)),
            "teacher": str(generator.choice(["a", "b"])),
            "warmup": 0.1,
        }
        for power in powers
    ]
    return parameters, [float(-abs(power + 4) + 0.01 * generator.normal()) for power in powers]


def test_the_parameter_that_matters_comes_first() -> None:
    found = parameter_importance(*trials(30), log=["learning_rate"])
    assert found is not None
    assert next(iter(found)) == "learning_rate"
    assert found["learning_rate"] > 0.7
    assert set(found) == {"learning_rate", "dropout", "teacher"}  # not what is the same in all trials
    assert sum(found.values()) == pytest.approx(1.0)


def test_it_is_the_same_for_the_same_seed() -> None:
    assert parameter_importance(*trials(15), seed=4) == parameter_importance(*trials(15), seed=4)


def test_too_few_trials_give_none() -> None:
    parameters, values = trials(FEWEST_TRIALS)
    assert parameter_importance(parameters[1:], values[1:]) is None
    assert parameter_importance(parameters, values) is not None
    assert parameter_importance([], []) is None


def test_equal_scores_or_parameters_give_none() -> None:
    parameters, values = trials(12)
    assert parameter_importance(parameters, [0.5] * 12) is None
    assert parameter_importance([parameters[0]] * 12, values) is None


def test_trials_that_do_not_fit_are_refused() -> None:
    parameters, values = trials(12)
    with pytest.raises(ValueError, match="expected 12 values, one per trial, found 11"):
        parameter_importance(parameters, values[1:])
    with pytest.raises(ValueError, match="different parameters"):
        parameter_importance([*parameters[:-1], {"dropout": 0.1}], values)
    with pytest.raises(ValueError, match="teacher: expected a number"):
        parameter_importance([{**each, "teacher": ["a"]} for each in parameters], values)
