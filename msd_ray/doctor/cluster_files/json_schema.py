"""Validation against a JSON Schema, said in our words: where, what is wrong, what was meant."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found, value_at


def schema_findings(source: YamlSource, schema: Mapping[str, Any], at: KeyPath = ()) -> Iterator[Finding]:
    """What is at `at` in the file, against the schema; every error that it finds."""
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(value_at(source.data, *at)), key=lambda error: list(error.path)):
        path: KeyPath = (*at, *error.absolute_path)
        if error.validator == "additionalProperties" and isinstance(error.schema.get("properties"), dict):
            known = list(error.schema["properties"])
            for unknown in sorted(set(error.instance) - set(known)):
                yield found(source, (*path, unknown), unknown_key(str(unknown), known))
        else:
            yield found(source, path, error.message)


def unknown_key(given: str, known: list[str]) -> str:
    """What to say about a key that nobody reads."""
    plain = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(given.lower(), plain, n=1)
    hint = f"did you mean {plain[nearest[0]]}?" if nearest else f"known are {', '.join(sorted(known))}"
    return f"there is no such key; {hint}"


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with unknown keys refused, and without null as a value of every optional key."""
    shape: dict[str, Any] = {}
    for key, value in schema.items():
        if isinstance(value, dict):
            shape[key] = closed(value)
        elif isinstance(value, list):
            shape[key] = [closed(item) if isinstance(item, dict) else item for item in value]
        else:
            shape[key] = value
    options = shape.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        del shape["anyOf"]
        shape.update(rest[0] if len(rest) == 1 else {"anyOf": rest})
        shape.pop("default", None)
    if shape.get("type") == "object" and "properties" in shape:
        shape.setdefault("additionalProperties", False)
    return shape


def reachable(definitions: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The definitions that these ones refer to, with themselves."""
    found_names: dict[str, Any] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found_names:
            found_names[name] = definitions[name]
            waiting += re.findall(r"'\$ref': '(?:#/\$defs/)?(\w+)'", str(definitions[name]))
    return found_names
