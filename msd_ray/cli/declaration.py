"""Declare an option of a command as one field of a frozen dataclass.

    @dataclass(frozen=True, kw_only=True)
    class Search:
        trials: int = option(20, "total student trials", bounds=(1, 100_000))

The field says name, type and default: bool is a switch, Literal a choice, a tuple a list; None is decided later. Parser
(`parser`), help, checks and environment follow from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from inspect import get_annotations
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from msd_ray.common.errors import UserError
from msd_ray.common.option_types import Names, path, text

T = TypeVar("T")
_READERS: Mapping[Any, Callable[[str], Any]] = {int: int, float: float, Path: path}


@dataclass(frozen=True)
class Option:
    """An option. `declared` adds the last three from its field.

    Args:
        help: what the option does. The help adds bounds, environment variable and default.
        flag: the option as it is given, if it is not the field's name.
        metavar: name of the value in the help; a number's is N or X.
        type: reads a word, if the type of the field does not suffice.
        choices: allowed values, if the field is not a Literal.
        bounds: smallest and largest value, both included.
        environment: variable that is read if the option is omitted.
        once: concerns one start of the command; a study file does not hold it.
        shown_default: the default in words, for one that is decided later.
        name: name of the field.
        kind: type of the field, without None.
        default: default of the field; MISSING without one.
    """

    help: str
    _: KW_ONLY
    flag: str = ""
    metavar: str | None = None
    type: Callable[[str], Any] | None = None
    choices: Sequence[str] | None = None
    bounds: tuple[float, float] | None = None
    environment: str | None = None
    shown_default: str | None = None
    once: bool = False
    name: str = ""
    kind: Any = None
    default: Any = None

    @property
    def range(self) -> str:
        """The bounds, such as `1 to 100000`; empty without bounds."""
        return "{:.12g} to {:.12g}".format(*self.bounds) if self.bounds else ""

    @property
    def read(self) -> Callable[[str], Any]:
        """Reads one word of the option. Raises ArgumentTypeError or ValueError."""
        kind = get_args(self.kind)[0] if get_origin(self.kind) is tuple else self.kind
        return self.type or _READERS.get(kind, text)

    def full_help(self) -> str:
        """The help with range, environment variable and default."""
        default = self.shown_default
        if default is None and isinstance(self.default, str | int | float) and self.kind is not bool:
            default = f"{self.default:g}" if self.kind is float else str(self.default)
        if self.environment:
            default = f"{self.environment}, else {default}"
        notes = [note for note in (self.range, default and f"default: {default}") if note]
        return f"{self.help} ({'; '.join(notes)})" if notes else self.help

    def arguments(self) -> dict[str, Any]:
        """Arguments of argparse's `add_argument`, except the flag."""
        common: dict[str, Any] = {"dest": self.name, "help": self.full_help()}
        if self.kind is bool:
            return {**common, "action": "store_true"}
        if choices := self.choices or (get_args(self.kind) if get_origin(self.kind) is Literal else None):
            return {**common, "choices": choices}
        common |= {"type": self.read, "metavar": self.metavar or {int: "N", float: "X"}.get(self.kind)}
        if get_origin(self.kind) is not tuple:
            return common
        return {**common, "nargs": "+", **({"action": Names} if self.read is text else {})}


def option(default: T, help: str, **about: Any) -> T:  # noqa: A002 - argparse's name
    """A field that declares an option. about: see `Option`."""
    return field(default=default, metadata={"option": Option(help, **about)})


def declared(options: type, *groups: type) -> dict[str, Option]:
    """The options that a dataclass and its bases declare, by name; those of some of its bases, in their order."""
    if groups:
        known = declared(options)
        return {name: known[name] for group in groups for name in get_annotations(group) if name in known}
    kinds, found = get_type_hints(options), {}
    for one in fields(options):
        if "option" in one.metadata:
            about, kind = one.metadata["option"], kinds[one.name]
            if get_origin(kind) in (Union, UnionType):
                (kind,) = (part for part in get_args(kind) if part is not NoneType)
            flag = about.flag or f"--{one.name.replace('_', '-')}"
            found[one.name] = replace(about, name=one.name, flag=flag, kind=kind, default=one.default)
    return found


def check_values(options: Any) -> None:
    """Raise UserError for a number out of its bounds, or a name that a list repeats."""
    for one in declared(type(options)).values():
        value = getattr(options, one.name)
        if one.bounds and value is not None and not one.bounds[0] <= value <= one.bounds[1]:
            raise UserError(f"{one.flag} {value:.12g} is out of range: {one.range}")
        if isinstance(value, tuple) and (repeated := {item for item in value if value.count(item) > 1}):
            raise UserError(f"{one.flag} names {', '.join(map(str, sorted(repeated)))} more than once. Name each once.")
