"""The live display and the plain lines, with an injected clock."""

import re
from datetime import datetime
from io import StringIO

import pytest
from rich.console import Console

from msd_ray.cli.display import progress, time_left_s
from msd_ray.common.text import duration
from msd_ray.search.progress import FinishedTrial, PhaseCounts


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def noon() -> datetime:
    return datetime(2024, 1, 1, 12, 0, 0)


def plain() -> Console:
    return Console(file=StringIO(), force_terminal=False, width=60)


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_plain_lines_one_a_phase_and_a_finished_trial() -> None:
    console, clock = plain(), Clock()
    with progress(console, clock=clock, now=noon) as display:
        display.phase("teacher", total=1)
        display.phase("student", total=6)
        clock.seconds = 5
        display.update(PhaseCounts(running={"student/0": (1, 4)}))
        clock.seconds = 62
        display.update(
            PhaseCounts(
                complete=1,
                pruned=1,
                running={"student/2": (1, 4)},
                best=0.478,
                finished=[FinishedTrial(seconds=40, epochs=4), FinishedTrial(seconds=20, epochs=2)],
            )
        )
        display.line("[ASHA] stops student/2")
    assert printed(console).splitlines() == [
        "12:00:00 teacher phase: 1 trial",
        "12:00:00 student phase: 6 trials",
        "12:00:00 student: 2 of 6 trials done, 1 complete, 1 pruned, 0 failed, 1 running, best dev F1 47.80, "
        "student/2 epoch 1/4, elapsed 1:02, about 1:50 left",
        "12:00:00 [ASHA] stops student/2",
    ]


def test_plain_lines_in_between_come_every_thirty_seconds_at_most() -> None:
    console, clock = plain(), Clock()
    with progress(console, clock=clock, now=noon) as display:
        display.phase("student", total=2)
        for second in range(1, 100):
            clock.seconds = second
            display.update(PhaseCounts(running={"student/0": (second // 10, 10)}))
    elapsed = re.findall(r"elapsed (\S+)", printed(console))
    assert elapsed == ["0:30", "1:00", "1:30"]
    assert "\x1b" not in printed(console)


def test_no_terminal_no_control_characters_and_no_wrapping() -> None:
    console = plain()
    with progress(console, clock=Clock(), now=noon) as display:
        display.line("x" * 500)
    assert printed(console) == f"12:00:00 {'x' * 500}\n"


def test_live_display_shows_phase_counts_best_times_and_running_trials() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=120, height=40, color_system=None)
    clock = Clock()
    with progress(console, clock=clock, now=noon) as display:
        display.phase("student", total=20)
        clock.seconds = 3723
        running = {f"student/{n}": (n, 12) for n in range(3, 13)}
        display.update(
            PhaseCounts(
                complete=2,
                failed=1,
                running=running,
                best=0.5,
                finished=[FinishedTrial(seconds=100, epochs=10)],
            )
        )
        display.line("a line above")
    shown = printed(console)
    assert "\x1b[" in shown  # the cursor moves: it is drawn in place
    last = shown[shown.rindex("student phase") :]
    assert "3/20 trials" in last
    assert "elapsed 1:02:03, about 1:38 left" in last
    assert "2 complete, 0 pruned, 1 failed, 10 running, best dev F1 50.00" in last
    assert "student/3 epoch 3/12" in last
    assert "student/10 epoch 10/12" in last
    assert "student/11" not in last
    assert "and 2 more" in last
    assert "12:00:00 a line above" in shown


def test_the_live_display_ends_when_something_fails() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=80)

    def fail() -> None:
        with progress(console, clock=Clock(), now=noon) as display:
            display.phase("student", total=1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    _, visible, after = printed(console).rpartition("\x1b[?25h")  # the cursor is visible again
    assert visible
    assert "student: 0 of 1 trial done" in after, "where it was"


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [
        (PhaseCounts(), 4, None),
        (PhaseCounts(complete=3), 4, None),  # all from before a resume: nothing measured yet
        (PhaseCounts(failed=1, finished=[FinishedTrial(seconds=3, epochs=0)]), 4, None),
        # 2 s an epoch, 5 epochs a trial; one running has 3 to go, two wait: 13 epochs, one at a time
        (
            PhaseCounts(complete=1, running={"a": (2, 5)}, finished=[FinishedTrial(seconds=10, epochs=5)]),
            4,
            26.0,
        ),
        # the same work by two at once: 1 + 3 to go and one waiting
        (
            PhaseCounts(complete=1, running={"a": (4, 5), "b": (2, 5)}, finished=[FinishedTrial(seconds=10, epochs=5)]),
            4,
            9.0,
        ),
        # pruned trials end early: 3 epochs on average, so one that has run 4 is expected to end now
        (
            PhaseCounts(
                complete=1,
                pruned=1,
                running={"a": (4, 5)},
                finished=[FinishedTrial(seconds=5, epochs=5), FinishedTrial(seconds=1, epochs=1)],
            ),
            3,
            0.0,
        ),
        (PhaseCounts(complete=2, finished=[FinishedTrial(seconds=5, epochs=5)]), 2, 0.0),
    ],
)
def test_time_left(counts: PhaseCounts, total: int, expected: float | None) -> None:
    assert time_left_s(counts, total) == expected


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (10921, "3:02:01")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
