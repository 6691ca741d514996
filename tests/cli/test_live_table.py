"""The live display's content, drawn from states: a console of fixed width, no terminal."""

from io import StringIO

from rich.console import Console

from msd_ray.cli.live_table import render, sparkline
from msd_ray.cli.search_state import SearchState
from msd_ray.search.budget import Remaining
from msd_ray.search.progress import EndedTrial, PhasePlan, PhaseProgress, RunningTrial


def drawn(state: SearchState, activity: str = "") -> list[str]:
    console = Console(file=StringIO(), force_terminal=False, width=110)
    console.print(render(state, activity))
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def student(number: int, value: float, **parameters: float) -> EndedTrial:
    return EndedTrial(
        key=f"student/{number}", number=number, state="COMPLETE", value=value, parameters=parameters, seconds=100.0
    )


def test_a_phase_that_searches() -> None:
    ended = [student(number, 0.5 + number / 100, learning_rate=1e-4 * number, beta=0.5) for number in range(1, 8)]
    state = SearchState(
        plan=PhasePlan(
            name="student",
            total=20,
            work=[Remaining(teachers=0, students=1)],
            after=Remaining(teachers=0, students=5),
            concurrent=2,
        ),
        progress=PhaseProgress(
            ended=[*ended, EndedTrial(key="student/0", number=0, state="FAIL")],
            running=[
                RunningTrial(key=f"student/{number}", number=number, started=3623.0, done=3, epochs=5, train_s=10.0)
                for number in range(8, 19)
            ],
        ),
        now=3723.0,
        started=0.0,
        direct=0.55,
        sentences={"target_train": 1000, "source_train": 50},
    )
    lines = drawn(state)
    assert "student phase" in lines[0]
    assert "8/20 trials elapsed 1:02:03, about 5:50 left in all" in lines[0]
    assert lines[1] == "  7 complete, 0 pruned, 1 failed, 11 running, 1100 sentences per second"
    assert lines[2] == "  best dev F1 57.00 (+2.00 over direct)  ▁▂▃▄▆▇█"
    assert lines[3:7] == [
        "                 student/7  student/6  student/5  student/4  student/3",
        "  dev F1             57.00      56.00      55.00      54.00      53.00",
        "  learning_rate     0.0007     0.0006     0.0005     0.0004     0.0003",
        "  beta                 0.5        0.5        0.5        0.5        0.5",
    ]
    assert lines[7] == "  student/8 epoch 3/5"
    assert lines[14:] == ["  student/15 epoch 3/5", "  and 3 more"]


def test_a_phase_of_several_seeds_shows_its_rows() -> None:
    scores = {"direct": (0.5, 0.52), "tsl": (0.55,), "best": (0.6, 0.58)}
    state = SearchState(
        plan=PhasePlan(name="final", total=9),
        progress=PhaseProgress(
            ended=[
                EndedTrial(
                    key=f"final/{row}/x/seed-{seed}",
                    number=seed,
                    state="COMPLETE",
                    value=value,
                    parameters={"row": row, "seed": str(seed)},
                )
                for row, values in scores.items()
                for seed, value in enumerate(values)
            ]
        ),
        now=0.0,
        started=0.0,
    )
    lines = drawn(state, "Waiting for MLflow")
    assert lines[2] == "  best mean dev F1 59.00 (best, +8.00 over direct)"
    assert [line.split() for line in lines[4:7]] == [
        ["direct", "51.00", "2"],
        ["tsl", "55.00", "1", "+5.00", "over", "direct"],
        ["best", "59.00", "2", "+8.00", "over", "direct"],
    ]
    assert lines[7] == "⠋ Waiting for MLflow ..."


def test_trials_that_wait_for_resources_are_pending() -> None:
    running = [
        RunningTrial(key="student/0", number=0, started=None, pending=True, epochs=5),
        RunningTrial(key="student/1", number=1, started=0.0, done=2, epochs=5),
    ]
    plan = PhasePlan(name="student", total=4)
    lines = drawn(SearchState(plan=plan, progress=PhaseProgress(running=running), now=9.0, started=0.0))
    assert lines[1] == "  0 complete, 0 pruned, 0 failed, 1 running, 1 pending"
    assert lines[2:] == ["  student/0 pending", "  student/1 epoch 2/5"]


def test_text_from_elsewhere_steers_no_terminal() -> None:
    trial = EndedTrial(key="student/\x1b[2J", number=0, state="COMPLETE", value=0.1, parameters={"a\n": "\x9b31m"})
    state = SearchState(
        plan=PhasePlan(name="student", total=1),
        progress=PhaseProgress(ended=[trial], running=[RunningTrial(key="\x1b[2J", number=1, started=None)]),
        now=0.0,
        started=0.0,
    )
    text = "\n".join(drawn(state))
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert r"student/\x1b[2J" in text


def test_sparklines_have_at_most_their_width() -> None:
    assert sparkline([]) == sparkline([0.5]) == ""
    assert sparkline([0.5, 0.5]) == "▁▁"
    long = sparkline([n / 1000 for n in range(1000)], width=10)
    assert len(long) == 10
    assert long[-1] == "█"
