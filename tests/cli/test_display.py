"""The live display and the plain lines, with an injected clock."""

import re
from datetime import datetime
from io import StringIO

import pytest
from rich.console import Console

from msd_ray.cli.display import progress
from msd_ray.common.text import duration
from msd_ray.search.budget import Remaining
from msd_ray.search.progress import EndedTrial, PhasePlan, PhaseProgress, RunningTrial

TEACHER, STUDENT = Remaining(teachers=1, students=0), Remaining(teachers=0, students=1)


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


def running(number: int, **values: float) -> RunningTrial:
    return RunningTrial(key=f"student/{number}", number=number, epochs=4, **{"started": 0.0, **values})  # type: ignore[arg-type]


FIRST = EndedTrial(
    key="student/0",
    number=0,
    state="COMPLETE",
    value=0.478,
    parameters={"learning_rate": 0.00020001, "teachers": 2},
    seconds=40,
)
PRUNED = EndedTrial(key="student/1", number=1, state="PRUNED", value=0.1, seconds=20, note="at epoch 2")
FAILED = EndedTrial(key="student/2", number=2, state="FAIL", seconds=3, note="the loss is not finite")


def test_lines_of_a_phase_and_of_each_ended_trial() -> None:
    console, clock = plain(), Clock()
    with progress(console, clock=clock, now=noon) as display:
        display.phase(PhasePlan(name="student", total=6, work=[STUDENT]))
        display.update(PhaseProgress())
        display.update(PhaseProgress(running=[running(0), running(1)]))
        display.update(PhaseProgress(ended=[FIRST, PRUNED], running=[running(2)]))
        better = EndedTrial(key="student/3", number=3, state="COMPLETE", value=0.5, seconds=62)
        display.update(PhaseProgress(ended=[FIRST, PRUNED, FAILED, better]))
        display.line("a line")
    assert printed(console).splitlines() == [
        "12:00:00 student phase: 6 trials",
        "12:00:00 student/0: COMPLETE, dev F1 47.80, learning_rate=0.0002 teachers=2, 0:40, new best",
        "12:00:00 student/1: PRUNED at epoch 2, dev F1 10.00, 0:20",
        "12:00:00 student/2: FAIL: the loss is not finite (0:03)",
        "12:00:00 student/3: COMPLETE, dev F1 50.00, 1:02, new best",
        "12:00:00 a line",
    ]


def test_a_resumed_phase_says_what_is_there_and_repeats_no_line() -> None:
    console = plain()
    with progress(console, clock=Clock(), now=noon) as display:
        display.phase(PhasePlan(name="student", total=2))
        display.update(PhaseProgress(ended=[FIRST]))
        display.phase(PhasePlan(name="final", total=1))
        display.update(PhaseProgress(ended=[FIRST]))
    assert printed(console).splitlines() == [
        "12:00:00 student phase: 1 of 2 trials there, 1 to do",
        "12:00:00 final phase: 1 of 1 trial there, nothing to do",
    ]


def test_progress_lines_come_once_a_minute_at_most() -> None:
    console, clock = plain(), Clock()
    with progress(console, sentences={"target_train": 500, "source_train": 100}, clock=clock, now=noon) as display:
        display.phase(PhasePlan(name="teacher", total=1, work=[TEACHER]))
        display.update(PhaseProgress(ended=[EndedTrial(key="teacher/0", number=0, state="COMPLETE", value=0.4)]))
        display.phase(PhasePlan(name="student", total=4, work=[STUDENT]))
        display.update(PhaseProgress())
        for second in range(1, 150):
            clock.seconds = second
            display.update(PhaseProgress(ended=[FIRST, PRUNED], running=[running(2, train_s=5.0)]))
    lines = [line for line in printed(console).splitlines() if " done, " in line]
    assert re.findall(r"elapsed (\S+),", "\n".join(lines)) == ["1:00", "2:00"]
    assert lines[0] == (
        "12:00:00 student: 2 of 4 trials done, 1 pruned, 1 running, best dev F1 47.80 (+7.80 over direct), "
        "100 sentences per second, elapsed 1:00, about 0:30 left in all"
    )
    assert "\x1b" not in printed(console)


def test_no_terminal_no_control_characters_and_no_wrapping() -> None:
    console = plain()
    with progress(console, clock=Clock(), now=noon) as display:
        display.line("x" * 500)
        with display.working("Starting Ray"):
            pass
    assert printed(console) == f"12:00:00 {'x' * 500}\n12:00:00 Starting Ray ...\n"


def test_the_live_display_is_drawn_in_place_below_the_lines() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=120, height=40, color_system=None)
    clock = Clock()
    with progress(console, clock=clock, now=noon) as display:
        display.phase(PhasePlan(name="student", total=20))
        display.update(PhaseProgress(running=[running(1)]))
        display.update(PhaseProgress(ended=[FIRST], running=[running(1)]))
        with display.working("Waiting for MLflow"):
            pass
    shown = printed(console)
    assert "\x1b[" in shown  # the cursor moves
    assert "12:00:00 student/0: COMPLETE" in shown
    last = shown[shown.rindex("student phase") :]
    assert "1/20 trials" in last
    assert "student/1 epoch 0/4" in last
    assert "Waiting" not in last


def test_the_live_display_ends_when_something_fails() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=80)

    def fail() -> None:
        with progress(console, clock=Clock(), now=noon) as display:
            display.phase(PhasePlan(name="student", total=1))
            display.update(PhaseProgress())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    _, visible, after = printed(console).rpartition("\x1b[?25h")  # the cursor is visible again
    assert visible
    assert "student: 0 of 1 trial done" in after, "where it was"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (10921, "3:02:01")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
