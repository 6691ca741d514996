"""Proposals of parameters: TPE with one sampler per trial.

A sampler that lives as long as its process proposes differently after a restart, and a new sampler with the same seed
repeats its first draws. Each trial therefore has its own sampler, seeded by the study's seed and the trial's number: a
proposal is a function of these and of the trials in the study.
"""

import hashlib
import warnings
from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from ..parameters import JSON, Fixed, Parameter, Range

START_UP_TRIALS = 5
"""Number of trials with a value before TPE proposes; until then parameters are drawn at random."""


def distributions(space: Mapping[str, Parameter]) -> dict[str, BaseDistribution]:
    """Optuna's distributions of the searched parameters, sorted by name."""
    found: dict[str, BaseDistribution] = {}
    for name, parameter in sorted(space.items()):
        if isinstance(parameter, Range):
            found[name] = FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
        elif not isinstance(parameter, Fixed):
            found[name] = CategoricalDistribution(parameter.values)
    return found


def propose(
    storage: BaseStorage, study_name: str, trial: FrozenTrial, space: Mapping[str, BaseDistribution], seed: int
) -> dict[str, JSON]:
    """Propose a value for each searched parameter of a trial that exists in the study without parameters.

    The sampler learns from finished trials, and takes running ones for poor (constant liar) so that parallel trials
    differ.

    Args:
        storage: a storage that caches finished trials (see `database.cached`).
    """
    if not space:
        return {}
    sampler = _sampler(seed, trial.number)
    study = optuna.load_study(study_name=study_name, storage=storage, sampler=sampler)
    joint = sampler.sample_relative(study, trial, dict(space))
    drawn = joint or {
        name: sampler.sample_independent(study, trial, name, distribution) for name, distribution in space.items()
    }
    return {
        name: float(drawn[name]) if isinstance(distribution, FloatDistribution) else drawn[name]
        for name, distribution in space.items()
    }


def _sampler(seed: int, number: int) -> TPESampler:
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    with warnings.catch_warnings():  # two options are experimental in Optuna 4
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(
            seed=int.from_bytes(digest[:4], "big"),
            n_startup_trials=START_UP_TRIALS,
            multivariate=True,
            constant_liar=True,
        )
