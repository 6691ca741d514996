"""Converts nested settings to MLflow's flat string parameters.

MLflow stores parameters as immutable strings of at most 6,000 characters. Nested mappings become dotted keys, strings
stay as they are, other values become JSON. Longer values are truncated and end with the SHA-256 of the whole value, so
that a resume still detects any change.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from msd_ray.common.errors import UserError

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"

LONGEST_VALUE = 6000  # mlflow.utils.validation.MAX_PARAM_VAL_LENGTH


def flat_parameters(parameters: Mapping[str, Json]) -> dict[str, str]:
    """`{"student": {"lr": 2e-5}}` becomes `{"student.lr": "2e-05"}`; an empty mapping is written as `{}`."""
    return dict(_flatten("", parameters))


def _flatten(prefix: str, parameters: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flatten(f"{key}.", value)
        else:
            yield key, shortened(value if isinstance(value, str) else _json(value), LONGEST_VALUE)


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=list)


def shortened(text: str, limit: int) -> str:
    """`text`, truncated to `limit` characters with the SHA-256 of the whole at the end if it is longer."""
    if len(text) <= limit:
        return text
    ending = f"... sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return text[: limit - len(ending)] + ending


def new_parameters(logged: Mapping[str, str], wanted: Mapping[str, str], *, run: str) -> dict[str, str]:
    """The parameters of `wanted` that are not logged yet.

    Raises:
        UserError: a logged parameter has a different value.
    """
    changed = [
        f"{key} was {logged[key]!r}, is now {value!r}"
        for key, value in sorted(wanted.items())
        if logged.get(key, value) != value
    ]
    if changed:
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise UserError(
            f"{run} is already recorded in MLflow with other settings: {'; '.join(changed[:5])}{more}. "
            "Use the settings it was started with, or choose another --name."
        )
    return {key: value for key, value in wanted.items() if key not in logged}
