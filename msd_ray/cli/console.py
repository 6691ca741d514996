"""Whole lines on the console, to be copied and searched, and what `tune` and `ablate` print before they start."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from msd_ray.common.errors import UserError
from msd_ray.common.text import one_line
from msd_ray.data.catalogue import joined

from .environment import warn_of_passwords

if TYPE_CHECKING:
    from msd_ray.search.phase_status import PhaseStatus
    from msd_ray.search.search import SearchSettings

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


@contextmanager
def working(console: Console, activity: str) -> Iterator[None]:
    """Show that something takes its time: a spinner on a terminal, a line elsewhere."""
    if not console.is_terminal or console.is_dumb_terminal:
        print_line(console, f"{activity} ...")
        yield
        return
    with console.status(Text(one_line(f"{activity} ..."))):
        yield


def announced(
    options: "TuneOptions",
    console: Console,
    *,
    status: "Callable[[SearchSettings, str], Iterable[PhaseStatus]]",
    describe: "Callable[[Setup], list[tuple[str, str]]]",
) -> "Sequence[Setup]":
    """Set up the studies of all languages and print their descriptions. Writes nothing.

    Args:
        options: of the command.
        console: where to print.
        status: status of the phases of a search, from its settings and the URL of its study.
        describe: description of a study as pairs of name and text.

    Returns: one setup per language.
    Raises: UserError for wrong options and unreadable inputs.
    """
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri, "--study-storage": options.study_storage})
    with working(console, f"Reading {options.dataset}, {joined(options.source_lang)} to {', '.join(options.lang)}"):
        # Importing torch takes seconds, so it waits until the command line has been checked.
        _print_finished(options, console, status)
        from .setup import set_up

        setups = set_up(options)
    for setup in setups:
        console.print()
        print_pairs(console, describe(setup))
    console.print()
    return setups


def _print_finished(
    options: "TuneOptions", console: Console, status: "Callable[[SearchSettings, str], Iterable[PhaseStatus]]"
) -> None:
    """Print which studies are complete, before corpora and encoder are read, which takes longer.

    What cannot be read is left to the checks that follow.
    """
    from msd_ray.search.phase_status import is_finished

    from .search_settings import stored_searches

    with suppress(UserError):
        for settings, url in stored_searches(options):
            phases = list(status(settings, url))
            if is_finished(phases):
                counts = ", ".join(f"{phase.ended} {phase.name}" for phase in phases)
                print_line(console, f"Study {settings.name} is complete ({counts} trials): nothing to train.")
