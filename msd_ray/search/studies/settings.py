"""The settings that a study is created with, and their comparison with those of a later command."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from ..early_stopping import Pruning
from ..parameters import JSON, Parameter, parameters_to_json


def study_settings(
    settings: Mapping[str, JSON],
    *,
    space: Mapping[str, Parameter],
    seed: int,
    first: Sequence[Mapping[str, JSON]],
    pruning: Pruning | None,
) -> dict[str, JSON]:
    """Everything that determines a study's trials and their scores, in the form in which the database returns it.

    Raises:
        ValueError: `first` names a parameter that the space does not have, or `settings` uses one of the study's own
            keys (space, seed, first, pruning).
    """
    if unknown := {key for parameters in first for key in parameters} - set(space):
        raise ValueError(f"first trials name unknown parameters {sorted(unknown)}")
    own: dict[str, JSON] = {
        "space": parameters_to_json(space),
        "seed": seed,
        "first": [dict(parameters) for parameters in first],
        "pruning": None if pruning is None else asdict(pruning),
    }
    if twice := own.keys() & settings.keys():
        raise ValueError(f"settings use the study's own keys {sorted(twice)}")
    plain: dict[str, JSON] = json.loads(json.dumps({**settings, **own}))
    return plain


def differences(stored: Mapping[str, JSON], given: Mapping[str, JSON]) -> list[str]:
    """One line per key with different values, which it names; nested keys are joined by dots."""
    there, here = dict(_leaves("", dict(stored))), dict(_leaves("", dict(given)))
    return [
        f"{key}: {_shown(there, key)} there, {_shown(here, key)} here"
        for key in sorted({*there, *here})
        if key not in there or key not in here or there[key] != here[key]
    ]


def _leaves(key: str, value: JSON) -> Iterator[tuple[str, JSON]]:
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from _leaves(f"{key}.{name}" if key else name, child)
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from _leaves(f"{key}[{index}]", child)
    else:
        yield key, value


def _shown(leaves: Mapping[str, JSON], key: str) -> str:
    return repr(leaves[key]) if key in leaves else "nothing"
