"""Nested settings as MLflow's flat string parameters.

MLflow keeps parameters as strings of at most 6,000 characters and never changes one. Nested mappings become dotted
keys, text stays as it is, every other value is written as JSON; a longer value is cut and ends in the SHA-256 of
the whole, so that a comparison on resume still sees any change.
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
    """`text`, or when it is longer than `limit` characters its beginning and the SHA-256 of the whole."""
    if len(text) <= limit:
        return text
    ending = f"... sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return text[: limit - len(ending)] + ending


def new_parameters(logged: Mapping[str, str], wanted: Mapping[str, str], *, run: str) -> dict[str, str]:
    """Those of `wanted` that are not logged yet.

    Raises:
        UserError: a logged parameter has another value now.
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
            "Repeat the settings it was started with, or give this study another --name."
        )
    return {key: value for key, value in wanted.items() if key not in logged}
