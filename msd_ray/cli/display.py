"""Progress display of a search: live on a terminal, plain lines with the time of day elsewhere.

    with progress(console) as display:
        display.phase(PhasePlan(name="student", total=20))
        display.update(PhaseProgress(running=[RunningTrial(key="student/0", number=0, started=0.0)]))

Off a terminal (a log file, a job's output) there is one line per phase and per ended trial, and otherwise at most one
every `QUIET_S` seconds.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from msd_ray.common.text import printable
from msd_ray.search.forecast import Duration, durations
from msd_ray.search.progress import PhasePlan, PhaseProgress

from .live_table import render, spinner
from .log_lines import phase_line, progress_line, trial_line
from .search_state import SearchState

QUIET_S = 60.0
REFRESH_S = 0.25


class ConsoleDisplay:
    """Display of one phase at a time (a `search.progress.Display`); create it with `progress`."""

    def __init__(
        self,
        console: Console,
        sentences: Mapping[str, int] | None,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._console, self._sentences, self._clock, self._now = console, sentences, clock, now
        self._plan: PhasePlan | None = None
        self.shown: PhaseProgress | None = None  # of the current phase
        self._earlier: list[Duration] = []
        self._direct: float | None = None
        self._activity = ""
        self._drawing = threading.Lock()
        self._started = self._reported = clock()
        self.live = False

    def phase(self, plan: PhasePlan) -> None:
        """Start a phase."""
        if self._plan is not None and self.shown is not None:
            self._earlier += durations(self._plan, self.shown)
            self._direct = self.shown.best if self._plan.name == "teacher" else self._direct
        self.shown = None  # first: the terminal is drawn by another thread
        self._plan = plan
        self._started = self._reported = self._clock()

    def update(self, progress: PhaseProgress) -> None:
        """Show new progress of the phase; can be called at any rate."""
        before, self.shown = self.shown, progress
        state = self._state()
        if state is None:
            return
        if before is None:
            self.line(phase_line(state))
            return
        if len(progress.ended) > len(before.ended):
            self._report_ended(state, before)
        if not self.live and self._clock() - self._reported >= QUIET_S:
            self._reported = self._clock()
            self.line(progress_line(state))

    def _report_ended(self, state: SearchState, before: PhaseProgress) -> None:
        best = before.best
        for trial in state.progress.ended[len(before.ended) :]:
            is_best = trial.state == "COMPLETE" and trial.value is not None and (best is None or trial.value > best)
            self.line(trial_line(trial, new_best=is_best and not state.seeded))
            best = trial.value if is_best else best

    def last(self) -> None:
        """Print the progress of the phase when a search is stopped."""
        state = self._state()
        if state is not None:
            self.line(progress_line(state))

    def line(self, text: str) -> None:
        """Print a line, above the live display if there is one."""
        stamp = f"{self._now():%H:%M:%S}"
        with self._drawing:
            self._console.print(f"{stamp} {printable(text)}", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def working(self, activity: str, *, in_log: bool = True) -> Iterator[None]:
        """Show that something else than a trial takes its time: a spinner, or off a terminal a line if `in_log`."""
        if in_log and not self.live:
            self.line(f"{activity} ...")
        self._activity = activity
        try:
            yield
        finally:
            self._activity = ""

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw it on the terminal, again and again.

        Not by rich's own thread: a line printed while that draws a display of another height would leave a part of it.
        """
        stop = threading.Event()
        with Live(self, console=self._console, auto_refresh=False) as live:

            def draw() -> None:
                while not stop.wait(REFRESH_S):
                    with self._drawing:
                        live.refresh()

            thread = threading.Thread(target=draw, name="display", daemon=True)
            thread.start()
            self.live = True
            try:
                yield
            finally:
                self.live = False
                stop.set()
                thread.join()

    def __rich__(self) -> RenderableType:
        state = self._state()
        if state is not None:
            return render(state, self._activity)
        return Text(f"{spinner(self._clock())} {self._activity} ...") if self._activity else Group()

    def _state(self) -> SearchState | None:
        if self._plan is None or self.shown is None:
            return None
        return SearchState(
            plan=self._plan,
            progress=self.shown,
            now=self._clock(),
            started=self._started,
            earlier=tuple(self._earlier),
            direct=self._direct,
            sentences=self._sentences,
        )


@contextmanager
def progress(
    console: Console | None = None,
    *,
    sentences: Mapping[str, int] | None = None,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = datetime.now,
) -> Iterator[ConsoleDisplay]:
    """A display on `console` (standard output by default): live on a terminal, plain lines elsewhere.

    Args:
        console: where to print.
        sentences: training sentences by part, for the speed.
        clock: seconds, for tests.
        now: time of day, for tests.
    """
    console = console or Console()
    display = ConsoleDisplay(console, sentences, clock, now)
    try:
        if not console.is_terminal or console.is_dumb_terminal:
            yield display
            return
        with display.drawn():
            yield display
    except BaseException:
        display.last()
        raise
