"""Parameters of each trial of a study: fixed, given, or proposed."""

from collections.abc import Mapping, Sequence

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from ..parameters import JSON, Fixed, Parameter
from .proposals import distributions, propose


class Points:
    """The points of a search space that a study evaluates.

    Attributes:
        fixed: parameters that are not searched.
        count: number of points if no parameter is searched: those of `first` and the space's own; else None.
    """

    def __init__(self, space: Mapping[str, Parameter], *, seed: int, first: Sequence[Mapping[str, JSON]]) -> None:
        """first: parameters of the first trials. seed: seed of the proposals."""
        self.fixed: dict[str, JSON] = {name: p.value for name, p in space.items() if isinstance(p, Fixed)}
        self.count: int | None = None
        self._space, self._seed = space, seed
        self._distributions = distributions(space)
        self._first: list[dict[str, JSON]] = [dict(parameters) for parameters in first]
        if not self._distributions:
            self._first = _distinct([*({**self.fixed, **parameters} for parameters in self._first), self.fixed])
            self.count = len(self._first)

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the parameters that are not fixed."""
        return tuple(name for name in self._space if name not in self.fixed)

    def of(self, trial: FrozenTrial, position: int, study_name: str, storage: BaseStorage) -> dict[str, JSON]:
        """All parameters of a trial. Given values take precedence over proposed ones.

        Args:
            position: number of earlier trials that are not retries.
        """
        first = self._first[position] if position < len(self._first) else {}
        enqueued = trial.system_attrs.get(
            "fixed_params", {}
        )  # set by `study.enqueue_trial`, for example in a dashboard
        given = {**first, **{name: value for name, value in enqueued.items() if name in self._space}, **trial.params}
        if set(self._distributions) <= set(given):
            return {**self.fixed, **given}
        return {**self.fixed, **propose(storage, study_name, trial, self._distributions, self._seed), **given}

    def observed(self, parameters: Mapping[str, JSON]) -> dict[str, BaseDistribution]:
        """Distributions of the searched parameters that the sampler may learn from, by name.

        Values outside of the space, such as the paper's, are excluded: they would mislead the sampler.
        """
        return {
            name: distribution
            for name, distribution in self._distributions.items()
            if self._space[name].contains(parameters[name])
        }


def _distinct(configurations: Sequence[dict[str, JSON]]) -> list[dict[str, JSON]]:
    found: list[dict[str, JSON]] = []
    for configuration in configurations:
        if configuration not in found:
            found.append(configuration)
    return found
