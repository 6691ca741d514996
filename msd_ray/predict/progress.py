"""Progress of tagging on standard error, if that is a terminal and input and output are not."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Report = Callable[[int, int], None]
"""Takes the number of sentences and bytes that were tagged since the last call."""


@contextmanager
def progress(files: Sequence[Path]) -> Iterator[Report]:
    """Show sentences, sentences per second, and the share of the files' bytes if all of them have a size."""
    interactive = sys.stdout.isatty() or (not files and sys.stdin.isatty())
    if interactive or not sys.stderr.isatty():
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    total = sum(path.stat().st_size for path in files) or None
    columns = (BarColumn(), TextColumn("{task.fields[shown]}"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, shown="loading the model")
        tagged = 0

        def report(sentences: int, size: int) -> None:
            nonlocal tagged
            tagged += sentences
            seconds = bar.tasks[0].elapsed or 1e-9
            shown = f"{tagged} sentences, {tagged / seconds:.0f} per second"
            bar.update(task, advance=size, shown=shown)

        yield report


def _ignore(sentences: int, size: int) -> None:
    """Report nothing."""
