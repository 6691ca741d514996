"""Output of `tune` and `ablate` before they start: what is read, what will run, the end of a dry run."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from .console import print_line, print_pairs
from .environment import warn_of_passwords
from .options import TuneOptions

if TYPE_CHECKING:
    from .setup import Setup


def announced(
    options: TuneOptions, console: Console, describe: "Callable[[Setup], list[tuple[str, str]]]"
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
