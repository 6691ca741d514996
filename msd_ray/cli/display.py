"""Progress display of a search: live on a terminal, plain lines with the time of day elsewhere.

    with progress() as display:
        display.phase("student", total=20)
        display.update(PhaseCounts(complete=3, running={"student/4": (2, 10)}, best=0.478))

Off a terminal (a log file, a job's output) there is one line for each phase, for each finished trial, and otherwise
at most one every `QUIET_S` seconds.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from msd_ray.common.text import duration, printable
from msd_ray.search.progress import PhaseCounts

QUIET_S = 30.0
SHOWN_TRIALS = 8  # a cluster runs more concurrent trials than a terminal has lines


def time_left_s(counts: PhaseCounts, total: int) -> float | None:
    """Estimated seconds until the phase ends; None before the first trial has finished.

    Remaining epochs times the mean seconds per epoch, divided by the number of running trials. A pending trial counts
    with the mean number of epochs of finished trials, a running one with the rest of that mean.
    """
    epochs = sum(trial.epochs for trial in counts.finished)
    if epochs == 0:
        return None
    seconds_per_epoch = sum(trial.seconds for trial in counts.finished) / epochs
    usual = epochs / len(counts.finished)
    pending = max(total - counts.ended - len(counts.running), 0)
    remaining = pending * usual + sum(max(min(usual, of) - done, 0.0) for done, of in counts.running.values())
    return remaining * seconds_per_epoch / max(len(counts.running), 1)


class ConsoleDisplay:
    """Display of one phase at a time (a `search.progress.Display`); create it with `progress`."""

    def __init__(self, console: Console, clock: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._console, self._clock, self._now = console, clock, now
        self._name, self._total, self._counts = "", 0, PhaseCounts()
        self._started = self._printed = clock()
        self.live: Live | None = None

    def phase(self, name: str, total: int) -> None:
        """Start a phase of `total` trials; resets counts and clock."""
        self._name, self._total, self._counts = name, total, PhaseCounts()
        self._started = self._clock()
        if self.live:
            self.live.refresh()
        else:
            self.line(f"{name} phase: {total} {_trials(total)}")

    def update(self, counts: PhaseCounts) -> None:
        """Show new counts. Can be called at any rate."""
        ended_before, self._counts = self._counts.ended, counts
        if self.live:
            self.live.refresh()
        elif counts.ended != ended_before or self._clock() - self._printed >= QUIET_S:
            self.line(f"{self._name}: {', '.join((*self._numbers(), *_trial_epochs(counts), *self._times()))}")

    def last(self) -> None:
        """Print the final counts of the phase when a search is stopped."""
        if self._name:
            self.line(f"{self._name}: {', '.join((*self._numbers(), *_trial_epochs(self._counts)))}")

    def line(self, text: str) -> None:
        """Print a line, above the live display if there is one."""
        self._printed = self._clock()
        stamp = f"{self._now():%H:%M:%S}"
        self._console.print(f"{stamp} {printable(text)}", markup=False, highlight=False, soft_wrap=True)

    def __rich__(self) -> Group:
        if not self._name:
            return Group()
        bar = Table.grid(padding=(0, 1))
        ended = self._counts.ended
        bar.add_row(
            Text(f"{self._name} phase", style="bold"),
            ProgressBar(total=max(self._total, 1), completed=ended, width=30),
            Text(f"{ended}/{self._total} {_trials(self._total)}"),
            Text(", ".join(self._times()), style="dim"),
        )
        lines = [Text("  " + ", ".join(self._numbers()[1:]))]
        lines += [Text(f"  {trial}", style="dim") for trial in _trial_epochs(self._counts)]
        return Group(bar, *lines)

    def _numbers(self) -> list[str]:
        counts = self._counts
        numbers = [f"{counts.ended} of {self._total} {_trials(self._total)} done"]
        numbers += [f"{counts.complete} complete", f"{counts.pruned} pruned", f"{counts.failed} failed"]
        numbers.append(f"{len(counts.running)} running")
        if counts.best is not None:
            numbers.append(f"best dev F1 {100 * counts.best:.2f}")
        return numbers

    def _times(self) -> list[str]:
        times = [f"elapsed {duration(self._clock() - self._started)}"]
        left = time_left_s(self._counts, self._total)
        return times if left is None else [*times, f"about {duration(left)} left"]


@contextmanager
def progress(
    console: Console | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = datetime.now,
) -> Iterator[ConsoleDisplay]:
    """A display on `console` (standard output by default): live on a terminal, plain lines elsewhere.

    `clock` (seconds) and `now` (time of day) are for tests.
    """
    console = console or Console()
    display = ConsoleDisplay(console, clock, now)
    try:
        if not console.is_terminal or console.is_dumb_terminal:
            yield display
            return
        with Live(display, console=console, refresh_per_second=2) as display.live:
            yield display
    except BaseException:
        display.last()
        raise
    finally:
        display.live = None


def _trial_epochs(counts: PhaseCounts) -> list[str]:
    shown = [f"{trial} epoch {done}/{of}" for trial, (done, of) in list(counts.running.items())[:SHOWN_TRIALS]]
    more = len(counts.running) - len(shown)
    return [*shown, f"and {more} more"] if more else shown


def _trials(count: int) -> str:
    return "trial" if count == 1 else "trials"
