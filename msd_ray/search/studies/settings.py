"""The settings that a study was made with, compared with those of the command that opens it again."""

from collections.abc import Iterator, Mapping

from msd_ray.search.parameters import JSON


def differences(stored: Mapping[str, JSON], given: Mapping[str, JSON]) -> list[str]:
    """Return one line for each key whose values differ, naming both; keys below keys are joined by dots."""
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
