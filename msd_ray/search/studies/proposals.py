"""Which parameters a trial gets: TPE, seeded for each trial by itself.

A sampler that lives as long as its process proposes something else after a restart, and one that is made anew with the
same seed repeats its first draws. So each trial gets a sampler of its own, seeded by the study's seed and the trial's
number, and a fresh view of the study: a proposal is a function of these and of the trials in the study.
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
"""Trials that must have brought a value before TPE proposes; until then parameters are drawn at random."""


def distributions(space: Mapping[str, Parameter]) -> dict[str, BaseDistribution]:
    """Return Optuna's distributions of the searched parameters, in the order of their names."""
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
    """Return a value for each searched parameter of `trial`, which exists in the study and has none yet.

    storage: what has ended is read through it (see `database.cached`), and each call reads what has changed.

    Finished trials teach; running ones are taken for poor (constant liar), so that parallel trials spread.
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
    with warnings.catch_warnings():  # Optuna 4 calls two of the options experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(
            seed=int.from_bytes(digest[:4], "big"),
            n_startup_trials=START_UP_TRIALS,
            multivariate=True,
            constant_liar=True,
        )
