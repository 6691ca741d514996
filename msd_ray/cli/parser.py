"""Argument parser of a command, with the options that its dataclasses declare (`declaration`)."""

import argparse
import difflib
import json
import shutil
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from msd_ray.common.errors import UserError

from .declaration import declared


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Wraps at 110 columns at most, and never at the hyphen of a name."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(shutil.get_terminal_size().columns, 112) - 2)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


class CommandParser(argparse.ArgumentParser):
    """Argument parser that reports errors as UserError, without printing its usage.

    Omitted options are absent from the namespace, so that presets and defaults can fill them in.
    """

    def __init__(self, command: str, *, description: str, epilog: str) -> None:
        super().__init__(
            prog=command,
            usage=f"{command} --lang CODE [CODE ...] [options]",
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            argument_default=argparse.SUPPRESS,
            # A new option could make an abbreviation ambiguous, or change its meaning.
            allow_abbrev=False,
            add_help=False,
        )

    def add_options(self, title: str, options: type, *groups: type) -> argparse._ArgumentGroup:
        """Add the options that the classes `groups` declare themselves, as `options`, which inherits them, has them.

        title: heading in the help.
        """
        section = self.add_argument_group(title)
        for one in declared(options, *groups).values():
            section.add_argument(one.flag, **one.arguments())
        return section

    def error(self, message: str) -> NoReturn:
        """Raise UserError where argparse would print its usage and exit."""
        raise UserError(f"{message}. See `{self.prog} --help`.")

    def read(self, arguments: Sequence[str] | None) -> dict[str, Any]:
        """Values of the options given, lists as tuples.

        Raises: UserError for an unknown argument, suggesting the nearest option.
        """
        known, unknown = self.parse_known_args(arguments)
        if unknown:
            option = unknown[0].partition("=")[0]
            options = self._option_string_actions
            nearest = difflib.get_close_matches(option, options, n=1) if option[:1] == "-" else []
            hint = f" (did you mean {nearest[0]}?)" if nearest else ""
            raise UserError(f"unknown argument {unknown[0]!r}{hint}. See `{self.prog} --help`.")
        return {name: tuple(value) if isinstance(value, list) else value for name, value in vars(known).items()}


def add_help(section: argparse._ArgumentGroup) -> None:
    """Add --help."""
    section.add_argument("-h", "--help", action="help", help="show this help and exit")


def add_schema(section: argparse._ArgumentGroup, schema: Callable[[], Mapping[str, Any]]) -> None:
    """Add --print-schema. schema: the JSON Schema of the command's study files."""

    class PrintSchema(argparse.Action):
        def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
            print(json.dumps(schema(), indent=2))
            parser.exit()

    explanation = "print the JSON Schema of study files, for editors, and exit"
    section.add_argument("--print-schema", action=PrintSchema, nargs=0, help=explanation)
