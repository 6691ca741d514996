"""Declare an option of a command as one field of a frozen dataclass.

    @dataclass(frozen=True, kw_only=True)
    class Search:
        trials: int = option(20, "total student trials", bounds=(1, 100_000))

The field says name, type and default: bool is a switch, Literal a choice, a tuple a list; None is decided later. Parser
(`parser`), help, checks and environment follow from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from msd_ray.common.errors import UserError
from msd_ray.common.option_types import Names, path, text


@dataclass(frozen=True)
class Option:
    """What the option's field does not say.

    Args:
        help: what the option does. The help adds bounds, environment variable and default.
        metavar: name of the value in the help; a number's is N or X.
        type: reads a word, if the type of the field does not suffice.
        choices: allowed values, if the field is not a Literal.
        bounds: smallest and largest value, both included.
        shown_default: the default in words, for one that is decided later.
        environment: variable that is read if the option is omitted.
        flag: the option, if it is not the field's name.
    """

    help: str
    _: KW_ONLY
    metavar: str | None = None
    type: Callable[[str], Any] | None = None
    choices: Sequence[str] | None = None
    bounds: tuple[float, float] | None = None
    shown_default: str | None = None
    environment: str | None = None
    flag: str | None = None


T = TypeVar("T")
_READERS: Mapping[Any, Callable[[str], Any]] = {int: int, float: float, Path: path}


def option(default: T, help: str, **about: Any) -> T:  # noqa: A002 - argparse's name
    """A field that declares an option. about: see `Option`."""
    return field(default=default, metadata={"option": Option(help, **about)})


@dataclass(frozen=True, kw_only=True)
class Declared:
    """An option with the name, type (without None) and default of its field. No default: MISSING."""

    name: str
    kind: Any
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        """The option as it is given, such as `--max-length`."""
        return self.option.flag or f"--{self.name.replace('_', '-')}"

    @property
    def range(self) -> str:
        """The range of a number, such as `1 to 100000`; empty without bounds."""
        return "{:.12g} to {:.12g}".format(*self.option.bounds) if self.option.bounds else ""

    @property
    def read(self) -> Callable[[str], Any]:
        """Reads one word of the option. Raises ArgumentTypeError or ValueError."""
        kind = get_args(self.kind)[0] if get_origin(self.kind) is tuple else self.kind
        return self.option.type or _READERS.get(kind, text)

    def help(self) -> str:
        """The help with range and default."""
        default = self.option.shown_default
        if default is None and isinstance(self.default, str | int | float) and self.kind is not bool:
            default = f"{self.default:g}" if self.kind is float else str(self.default)
        if self.option.environment:
            default = f"{self.option.environment}, else {default}"
        notes = [note for note in (self.range, default and f"default: {default}") if note]
        return f"{self.option.help} ({'; '.join(notes)})" if notes else self.option.help

    def arguments(self) -> dict[str, Any]:
        """Arguments of argparse's `add_argument`, except the flag."""
        common: dict[str, Any] = {"dest": self.name, "help": self.help()}
        if self.kind is bool:
            return {**common, "action": "store_true"}
        if choices := self.option.choices or (get_args(self.kind) if get_origin(self.kind) is Literal else None):
            return {**common, "choices": choices}
        common |= {"type": self.read, "metavar": self.option.metavar or {int: "N", float: "X"}.get(self.kind)}
        if get_origin(self.kind) is not tuple:
            return common
        return {**common, "nargs": "+", **({"action": Names} if self.read is text else {})}


def declared(options: type) -> dict[str, Declared]:
    """The options that a dataclass and its bases declare, by name."""
    kinds, found = get_type_hints(options), {}
    for one in fields(options):
        if "option" in one.metadata:
            kind = kinds[one.name]
            if get_origin(kind) in (Union, UnionType):
                (kind,) = (part for part in get_args(kind) if part is not NoneType)
            found[one.name] = Declared(name=one.name, kind=kind, default=one.default, option=one.metadata["option"])
    return found


def check_values(options: Any) -> None:
    """Raise UserError for a number out of its bounds, or a name that a list repeats."""
    for one in declared(type(options)).values():
        value = getattr(options, one.name)
        if one.option.bounds and value is not None and not one.option.bounds[0] <= value <= one.option.bounds[1]:
            raise UserError(f"{one.flag} {value:.12g} is out of range: {one.range}")
        if isinstance(value, tuple) and (repeated := {item for item in value if value.count(item) > 1}):
            raise UserError(f"{one.flag} names {', '.join(map(str, sorted(repeated)))} more than once. Name each once.")
