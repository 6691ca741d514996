"""Types and actions of command-line options that all commands share."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def text(given: str) -> str:
    """A value that is not empty: an unset shell variable must not pass for an omitted option."""
    if not given.strip():
        raise argparse.ArgumentTypeError("is empty")
    return given


def place(given: str) -> str:
    """A name, URI or path; a leading `~` is expanded, which a shell does not do in `--option=~/path`."""
    if not text(given).startswith("~"):
        return given
    try:
        return str(Path(given).expanduser())
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{given}: the home directory of this user is unknown") from error


def path(given: str) -> Path:
    """A path that is not empty, with `~` expanded."""
    return Path(place(given))


def address(given: str) -> str:
    """A URL, with the `~` of `sqlite:///~/file` expanded. Messages omit it, because it may hold a password."""
    try:
        urlsplit(text(given)).port  # noqa: B018 - raises ValueError
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            "is not a URL: its port is not a number, or a bracket is missing. "
            "In a password, write @, : and / as %40, %3A and %2F"
        ) from error
    scheme, separator, file = given.partition(":///")
    return f"{scheme}{separator}{place(file)}" if file.startswith("~") else given


class Names(argparse.Action):
    """A list of names, separated by spaces, commas or both: `ar hi`, `ar,hi` and `ar, hi` are equal."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Store the names. Raises ArgumentError where an argument holds none."""
        names = []
        for value in [values] if isinstance(values, str) else values or ():
            found = [name for name in value.split(",") if name]
            if not any(name.strip() for name in found):
                raise argparse.ArgumentError(self, "is empty")
            names += [name.strip() for name in found]
        setattr(namespace, self.dest, names)
