"""What commands that run studies say before they start: what they read, what would run, that nothing was started."""

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
    """One setup a language, each described; none of them after a dry run, which ends here.

    Raises UserError for anything that a user can mend; nothing is written.
    """
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri, "--study-storage": options.study_storage})
    print_line(console, f"Reading {options.dataset}, en to {', '.join(options.lang)} ...")
    # Importing torch takes seconds: only once the command line is known to be good, and something is to be read.
    from .setup import set_up

    setups = set_up(options)
    for setup in setups:
        console.print()
        print_pairs(console, describe(setup))
    console.print()
    if options.dry_run:
        print_line(console, "A dry run: nothing was started or stored.")
        return ()
    return setups
