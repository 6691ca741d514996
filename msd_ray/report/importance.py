"""How important each parameter of a search is: functional ANOVA over its trials."""

from collections.abc import Collection, Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from msd_ray.search.parameters import JSON, Scalar

FEWEST_TRIALS = 10
"""With fewer, a forest that is fitted to the trials finds nothing but their noise."""


def parameter_importance(
    parameters: Sequence[Mapping[str, JSON]], values: Sequence[float], *, log: Collection[str] = (), seed: int = 0
) -> dict[str, float] | None:
    """The share of the values' variance that each parameter explains by itself, most important first; they add up to 1.

    Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter importance", as Optuna
    computes it, with a forest seeded by `seed`. Text and truth values are categories, numbers are numbers, taken by
    their magnitude if `log` names them. A parameter that is the same in all trials is left out.

    Args:
        parameters: of each trial, all with the same names. Only complete trials should be given: what pruned ones
            scored depends on when they were stopped.
        values: the score of each trial.
        log: names of the parameters that were searched by magnitude.
        seed: seeds the forest.

    Returns:
        The importances, or None if there are fewer than `FEWEST_TRIALS` trials, or all have the same value or the
        same parameters.

    Raises:
        ValueError: not as many values as trials, a value that is not finite, trials with different names of
            parameters, a parameter that is a list or a mapping, or one of `log` that is not positive.
    """
    if len(parameters) != len(values):
        raise ValueError(f"{len(parameters)} trials and {len(values)} values")
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
        raise ValueError(f"{name} is no number, text or truth value: {value!r}")
    return value


def _distribution(column: Sequence[Scalar], *, log: bool) -> BaseDistribution:
    """The space that the values seem to come from: their range, or the list of them."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
        numbers = [float(value) for value in column]
        return FloatDistribution(min(numbers), max(numbers), log=log)
    return CategoricalDistribution(sorted(set(column), key=str))


def _value(value: JSON, distribution: BaseDistribution) -> JSON:
    return float(value) if isinstance(distribution, FloatDistribution) and isinstance(value, int | float) else value
