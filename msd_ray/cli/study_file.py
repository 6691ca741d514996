"""Study files (`--config study.yaml`): the options of a command by their names, and the search space.

    lang: [ar]
    batch-size: 16
    space:
      description: ...

Types, bounds, choices and descriptions of the keys are those of the options (`declaration`), in messages and in the
JSON Schema.
"""

from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, create_model

from msd_ray.common.errors import UserError
from msd_ray.common.files import new_file
from msd_ray.common.text import has_password
from msd_ray.search.space_model import DIALECT, SpaceModel
from msd_ray.search.spaces import space_content
from msd_ray.search.yaml_source import KeyPath, YamlSource, listed, read_yaml, shown, suggestion

from .declaration import Option, declared
from .options import TuneOptions

SPACE = "space"
"""Name of the option whose key may hold a search space."""
_Text = Annotated[str, Field(min_length=1)]
_Texts = Annotated[
    list[_Text],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
    Field(min_length=1),
]


def read_study_file(path: Path, options: type[TuneOptions]) -> dict[str, Any]:
    """Read the values of a command's options. A space in the file is represented by the file's path.

    Raises:
        UserError: the file is unreadable, or keys or values are wrong, each with its line.
    """
    source, keys = read_yaml(path), _keys(options)
    if not isinstance(source.data, dict):
        raise UserError(f"{source.where(())}: a study file is a mapping with the keys {listed(list(keys))}")
    space = _key(declared(options)[SPACE])
    data = {
        # Absolute, because `wide` without a directory is a bundled space.
        str(key): str(path.absolute()) if key == space and isinstance(value, dict) else value
        for key, value in source.data.items()
    }
    try:
        given = _model(keys).model_validate(data).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise UserError(_explain(error, source, keys)) from error
    return {one.name: _value(one, given[one.name], source) for one in keys.values() if one.name in given}


def json_schema(options: type[TuneOptions]) -> dict[str, Any]:
    """The JSON Schema of a command's study files."""
    schema = _model(_keys(options), space=_Text | SpaceModel).model_json_schema()
    return {"$schema": DIALECT, **schema, "title": "msd_ray study file"}


def study_file(options: TuneOptions) -> str:
    """The study file of these options, complete: undecided options are comments, the space is included.

    Addresses with passwords are omitted.
    """
    lines = [
        "# Study file of msd_ray: --config FILE reads it, --print-schema prints what keys and values it may have.",
    ]
    for key, one in _keys(type(options)).items():
        value = getattr(options, one.name)
        if one.name in (SPACE, "preset"):  # the space comes last; the preset's options are there
            continue
        if value is None:
            lines.append(f"# {key}: ({one.shown_default or 'none'})")
        elif isinstance(value, str) and has_password(value):
            lines.append(f"# {key}: (holds a password: {one.flag} or {one.environment})")
        else:
            lines.append(_yaml({key: _plain(value)}))
    lines.append(_yaml({_key(declared(type(options))[SPACE]): space_content(options.space)}))
    return "\n".join(lines) + "\n"


def write_study_file(text: str, place: str) -> None:
    """Write a study file to `--write-config`. Raises UserError if it cannot be written."""
    if place == "-":
        print(text, end="")
        return
    path = Path(place)
    try:
        with new_file(path) as scratch:
            scratch.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--write-config {path}: cannot be written: {error.strerror}. Give another name.") from error


def _keys(options: type[TuneOptions]) -> dict[str, Option]:
    """The options that a command's study file may hold, by key."""
    return {_key(one): one for one in declared(options, *options.groups).values() if not one.once}


def _key(one: Option) -> str:
    return one.flag.removeprefix("--")


def _model(keys: dict[str, Option], space: Any = _Text) -> type[BaseModel]:
    """The model that validates a study file."""
    fields: dict[str, Any] = {
        one.name: (
            space if one.name == SPACE else _type(one),
            Field(None, alias=key, description=one.full_help(), json_schema_extra=_without_default),
        )
        for key, one in keys.items()
    }
    return create_model("StudyFile", __config__=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False), **fields)


def _without_default(schema: dict[str, Any]) -> None:
    """Remove the default of the model, which is not that of the option."""
    del schema["default"]


def _type(one: Option) -> Any:
    """The type of an option's value in a study file."""
    if one.choices:
        return Literal[tuple(one.choices)]
    if get_origin(one.kind) is tuple:
        return _Texts
    if one.bounds:
        return Annotated[one.kind, Field(ge=one.bounds[0], le=one.bounds[1])]
    return one.kind if one.kind is bool or get_origin(one.kind) is Literal else _Text


def _value(one: Option, given: Any, source: YamlSource) -> Any:
    """The value as the command line has it. Raises UserError if the option does not accept the text."""
    try:
        if isinstance(given, list):
            return tuple(map(one.read, given))
        return one.read(given) if isinstance(given, str) and get_origin(one.kind) is not Literal else given
    except ArgumentTypeError as error:
        key = _key(one)
        raise UserError(f"{source.where((key,))}: `{key}`: {error}.") from error


def _explain(error: ValidationError, source: YamlSource, keys: dict[str, Option]) -> str:
    """One line per error, in the order of the file."""
    problems = dict(_problems(error, keys))
    return "\n".join(
        f"{source.where(key_path)}: `{key_path[0]}`: {problem}"
        for key_path, problem in sorted(problems.items(), key=lambda item: source.line(item[0]))
    )


def _problems(error: ValidationError, keys: dict[str, Option]) -> Iterator[tuple[KeyPath, str]]:
    for detail in error.errors():
        key = str(detail["loc"][0])
        if detail["type"] == "extra_forbidden":
            yield (key,), f"unknown key{suggestion(key, list(keys)) or f'; allowed here: {listed(list(keys))}'}"
        else:
            yield detail["loc"], f"given {shown(detail['input'])}, must be {_allowed(keys[key])}"


def _allowed(one: Option) -> str:
    """What an option accepts, in words."""
    if choices := one.choices or (get_args(one.kind) if get_origin(one.kind) is Literal else ()):
        return f"one of {listed(choices)}"
    if one.kind is bool:
        return "`true` or `false`"
    if one.bounds:
        return f"a {'whole ' if one.kind is int else ''}number, {one.range}"
    if get_origin(one.kind) is tuple:
        return "a text, or a list of texts such as [a, b]"
    return "a text" if one.name != SPACE else "a name, a file, or a mapping with a search space"


def _plain(value: Any) -> Any:
    """A value of an option as YAML has it."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _yaml(content: dict[str, Any]) -> str:
    """Block style on the top level, flow style for lists and for mappings without mappings."""
    flow = None if any(isinstance(value, list | dict) for value in content.values()) else False
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=flow, width=120).rstrip()
