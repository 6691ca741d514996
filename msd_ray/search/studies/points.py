"""Which parameters each trial of a study gets: those that it is told, and what is proposed for the rest."""

from collections.abc import Mapping, Sequence

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from ..parameters import JSON, Fixed, Parameter
from .proposals import distributions, propose


class Points:
    """The points of a space that a study tries. fixed: the parameters that are not searched.

    count: how many points there are, where nothing is searched: those of `first`, and the space's own; else None.
    """

    def __init__(self, space: Mapping[str, Parameter], *, seed: int, first: Sequence[Mapping[str, JSON]]) -> None:
        """first: parameters of the first trials. seed: of the proposals."""
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
        """All parameters of the trial, the `position`-th that is no retry: proposed, except what it is told."""
        first = self._first[position] if position < len(self._first) else {}
        enqueued = trial.system_attrs.get("fixed_params", {})  # by `study.enqueue_trial`, as a dashboard does
        told = {**first, **{name: value for name, value in enqueued.items() if name in self._space}, **trial.params}
        if set(self._distributions) <= set(told):
            return {**self.fixed, **told}
        return {**self.fixed, **propose(storage, study_name, trial, self._distributions, self._seed), **told}

    def to_learn_from(self, parameters: Mapping[str, JSON]) -> dict[str, BaseDistribution]:
        """The searched parameters that the sampler is told of, by name.

        What lies outside of the space, as the paper's value may, would mislead it.
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
