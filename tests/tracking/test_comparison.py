"""The summary table from rows in memory and from a real database."""

from collections.abc import Callable
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from msd_ray.tracking.comparison import print_summary, summary_metrics, summary_rows
from msd_ray.tracking.rows import RunRow, State
from msd_ray.tracking.study import StudyTracker

PAPER = [0.40, 0.42, 0.44]
BEST = [0.501, 0.522, 0.513]


def final_run(row: str, seed: int, f1: float, *, state: State = "COMPLETE", split: str = "test") -> RunRow:
    return RunRow(
        run_id=f"{row}{seed}",
        key=f"final/{row}/seed-{seed}",
        name=f"{row} {seed}",
        phase="final",
        state=state,
        status="FINISHED",
        parameters={},
        metrics={
            "dev_target/f1": f1 + 0.1,
            f"{split}/f1": f1,
            f"{split}/f1_source_selected": f1 - 0.05,
            "teacher/dev_target_f1": 0.3 + seed / 100,
            f"teacher/{split}_f1": 0.2 + seed / 100,
        },
        tags={"phase": "final", "row": row, "seed": str(seed), "scored_split": split},
    )


def all_runs() -> list[RunRow]:
    runs = [final_run("paper", seed, f1) for seed, f1 in enumerate(PAPER)]
    runs += [final_run("best", seed, f1) for seed, f1 in enumerate(BEST)]
    trial = RunRow(
        run_id="t",
        key="student/0",
        name="t",
        phase="student",
        state="COMPLETE",
        status="FINISHED",
        parameters={},
        metrics={"dev_target/f1": 0.99, "test/f1": 0.99},
        tags={},
    )
    return [trial, *runs]


def table(runs: list[RunRow]) -> list[str]:
    console = Console(file=StringIO(), width=140)
    print_summary(console, summary_rows(runs))
    assert isinstance(console.file, StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def row_of(lines: list[str], label: str) -> list[str]:
    (line,) = (line for line in lines if label in line)
    return [cell.strip() for cell in line.strip("│ ").split("│")][1:]


def test_means_and_deviations_are_numpys() -> None:
    metrics = summary_metrics(summary_rows(all_runs()))
    for name, values in (("paper", PAPER), ("best", BEST)):
        assert metrics[f"final/{name}/test_f1_mean"] == pytest.approx(np.mean(values))
        assert metrics[f"final/{name}/test_f1_sd"] == pytest.approx(np.std(values, ddof=1))
        assert metrics[f"final/{name}/dev_target_f1_mean"] == pytest.approx(np.mean(values) + 0.1)
        assert metrics[f"final/{name}/test_f1_source_selected_mean"] == pytest.approx(np.mean(values) - 0.05)
        assert metrics[f"final/{name}/test_f1_n"] == 3
    assert metrics["final/teacher/test_f1_mean"] == pytest.approx(0.21)


def test_the_printed_table() -> None:
    lines = table(all_runs())
    assert "test F1, mean ± sd" in " ".join(lines)
    assert row_of(lines, "teacher") == ["31.00", "21.00 ± 1.00 (n=3)", "-"]
    assert row_of(lines, "paper") == ["52.00", "42.00 ± 2.00 (n=3)", "37.00 ± 2.00"]
    assert row_of(lines, "best") == ["61.20", "51.20 ± 1.05 (n=3)", "46.20 ± 1.05"]


def test_rows_that_never_ran() -> None:
    lines = table([])
    for label in ("teacher", "paper", "best"):
        assert row_of(lines, label) == ["not run"] * 3
    assert summary_metrics(summary_rows([])) == {}
    only_best = table([final_run("best", 1, 0.5)])
    assert row_of(only_best, "teacher") == ["31.00", "21.00 (n=1)", "-"]
    assert row_of(only_best, "paper") == ["not run"] * 3
    assert row_of(only_best, "best") == ["60.00", "50.00 (n=1)", "45.00"]


def test_a_failed_seed_is_named_and_not_averaged() -> None:
    runs = [*all_runs(), final_run("best", 3, 0.01, state="FAIL")]
    assert row_of(table(runs), "best")[1] == "51.20 ± 1.05 (n=3, 1 failed)"
    assert row_of(table([final_run("paper", 1, 0.1, state="FAIL")]), "paper")[0] == "not run (1 failed)"


def test_scores_on_dev_say_so() -> None:
    runs = [final_run("best", seed, 0.5, split="dev") for seed in range(2)]
    assert "F1 on dev (no test file), mean ± sd" in " ".join(table(runs))
    assert "final/best/dev_f1_mean" in summary_metrics(summary_rows(runs))
    assert not any("test" in key for key in summary_metrics(summary_rows(runs)))


def test_the_database_gives_the_same_table(reopen: Callable[[], StudyTracker]) -> None:
    tracker = reopen()
    for run in all_runs():
        run_id = tracker.child(run.key, name=run.name, parameters=run.parameters, tags=run.tags)
        tracker.log_epoch(run_id, epoch=1, metrics={"dev_target/f1": 0.9}, timestamp_ms=1)
        tracker.log_epoch(run_id, epoch=2, metrics={"dev_target/f1": 0.1}, timestamp_ms=2)
        tracker.finish(run_id, state="COMPLETE", metrics=run.metrics)
    assert table(reopen().runs()) == table(all_runs())
