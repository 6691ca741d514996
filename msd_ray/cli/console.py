"""Whole lines on the console, to be copied and searched, and what `tune` and `ablate` print before they start."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from msd_ray.common.text import one_line

from .environment import warn_of_passwords

if TYPE_CHECKING:
    from .options import TuneOptions
    from .setup import Setup


def print_line(console: Console, text: str) -> None:
    """Print a line without wrapping; line ends in it are escaped."""
    console.print(one_line(text), highlight=False, markup=False, soft_wrap=True)


def print_pairs(console: Console, pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and texts in two columns."""
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        print_line(console, f"{name:<{width}}  {text}")


def announced(
    options: "TuneOptions", console: Console, describe: "Callable[[Setup], list[tuple[str, str]]]"
) -> "Sequence[Setup]":
    """Set up the studies of all languages and print their descriptions. Writes nothing.

    Returns: one setup per language; empty after a dry run.
    Raises: UserError for wrong options and unreadable inputs.
    """
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri, "--study-storage": options.study_storage})
    print_line(console, f"Reading {options.dataset}, en to {', '.join(options.lang)} ...")
    # Importing torch takes seconds, so it waits until the command line has been checked.
    from .setup import set_up

    setups = set_up(options)
    for setup in setups:
        console.print()
        print_pairs(console, describe(setup))
    console.print()
    if options.dry_run:
        print_line(console, "Dry run: nothing was started or stored.")
        return ()
    return setups
