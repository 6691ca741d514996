"""Importance of each parameter of a search: functional ANOVA over its trials."""

from collections.abc import Collection, Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from msd_ray.search.parameters import JSON, Scalar

FEWEST_TRIALS = 10
"""With fewer trials, the fitted forest only models noise."""


def parameter_importance(
    parameters: Sequence[Mapping[str, JSON]], values: Sequence[float], *, log: Collection[str] = (), seed: int = 0
) -> dict[str, float] | None:
    """Compute the share of the values' variance that each parameter explains.

    Uses Optuna's implementation of Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing
    hyperparameter importance". Strings and booleans are categories. Parameters that are the same in all trials are left
    out.

    Args:
        parameters: parameters of each trial, all with the same names. Pass complete trials only: the scores of pruned
            ones depend on when they were stopped.
        values: score of each trial.
        log: names of the parameters that were searched on a log scale.
        seed: seed of the forest.

    Returns:
        Shares that sum to 1, most important first. None for fewer than `FEWEST_TRIALS` trials, or if all have the same
        value or the same parameters.

    Raises:
        ValueError: the numbers of trials and values differ, a value is not finite, parameter names differ, a parameter
            is a list or a mapping, or a parameter in `log` is not positive.
    """
    if len(parameters) != len(values):
        raise ValueError(f"expected {len(parameters)} values, one per trial, found {len(values)}")
    if any(trial.keys() != parameters[0].keys() for trial in parameters):
        raise ValueError("the trials have different parameters")
    if len(values) < FEWEST_TRIALS or len(set(values)) < 2:
        return None
    space = {
        name: _distribution(column, log=name in log)
        for name in sorted(parameters[0])
        if len(set(column := [_scalar(name, trial[name]) for trial in parameters])) > 1
    }
    if not space:
        return None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.create_trial(
                params={name: _value(trial[name], distribution) for name, distribution in space.items()},
                distributions=space,
                value=value,
            )
            for trial, value in zip(parameters, values, strict=True)
        ]
    )
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    return {name: float(share) for name, share in found.items()}


def _scalar(name: str, value: JSON) -> Scalar:
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"{name}: expected a number, string or boolean, found {value!r}")
    return value


def _distribution(column: Sequence[Scalar], *, log: bool) -> BaseDistribution:
    """Return the smallest distribution that contains the values: their range, or the list of categories."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
        numbers = [float(value) for value in column]
        return FloatDistribution(min(numbers), max(numbers), log=log)
    return CategoricalDistribution(sorted(set(column), key=str))


def _value(value: JSON, distribution: BaseDistribution) -> JSON:
    return float(value) if isinstance(distribution, FloatDistribution) and isinstance(value, int | float) else value
