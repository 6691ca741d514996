"""The first trials of a phase: configurations that are known, then one trial of every choice that none of them makes.

Left to chance, some searches begin without one of the values, and TPE, which prefers what did well, never turns to it
(docs/load.md has figures).
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from .parameters import JSON, Choice, Parameter


def with_every_choice(known: Sequence[Mapping[str, JSON]], space: Mapping[str, Parameter]) -> list[dict[str, JSON]]:
    """The known points, and as few more as try each value of each `Choice`; these name choices alone."""
    untried = {
        name: [value for value in parameter.values if all(point.get(name) != value for point in known)]
        for name, parameter in space.items()
        if isinstance(parameter, Choice)
    }
    more = [
        {name: value for name, value in zip(untried, values, strict=True) if value is not None}
        for values in zip_longest(*untried.values())
    ]
    return [*(dict(point) for point in known), *more]
