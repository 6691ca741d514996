"""The order in which runs over seeds are handed out."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings
from msd_ray.search.final import Rows, SeededRuns

PLAIN, CHANNELS = TeacherSettings(), TeacherSettings(alpha=0.5)
DIRECT = Configuration(teachers=(PLAIN,), student=None)
TSL = Configuration(teachers=(PLAIN,), student=StudentSettings())
BEST = Configuration(teachers=(CHANNELS, PLAIN), student=StudentSettings(beta=0.5))
SAME_TEACHERS = replace(BEST, student=StudentSettings(beta=0.1))


def order(
    storage: Path, rows: Rows, *, seed_a_launch: bool = False, phase: Literal["confirm", "final"] = "final"
) -> list[tuple[str, int]]:
    runs = SeededRuns(
        phase=phase, study="study", rows=rows, run=RunSettings(), seeds=[1, 2], seed_a_launch=seed_a_launch
    )
    study = runs.open({}, f"sqlite:///{storage}/studies.db")
    found = []
    while (trial := study.propose()) is not None:
        found.append((str(trial.parameters["row"]), int(trial.parameters["seed"])))  # type: ignore[arg-type]
        study.complete(trial.number, 0.5)
    study.close()
    return found


def test_runs_that_train_a_teacher_come_first(tmp_path: Path) -> None:
    rows = {"direct": (DIRECT,), "tsl": (TSL,), "best": (BEST,), "average": (BEST, SAME_TEACHERS)}
    assert order(tmp_path, rows) == [
        *[("direct", 1), ("best", 1), ("direct", 2), ("best", 2)],
        *[("tsl", 1), ("average", 1), ("tsl", 2), ("average", 2)],
    ]


@pytest.mark.parametrize("phase", ["confirm", "final"])
def test_runs_that_share_a_teacher_do_not_begin_side_by_side(
    phase: Literal["confirm", "final"], tmp_path: Path
) -> None:
    rows = {"a": (BEST,), "b": (SAME_TEACHERS,)}
    assert order(tmp_path, rows, phase=phase) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_runs_that_share_a_launch_follow_each_other(tmp_path: Path) -> None:
    rows = {"direct": (DIRECT,), "tsl": (TSL,)}
    in_turn = [("direct", 1), ("tsl", 1), ("direct", 2), ("tsl", 2)]
    assert order(tmp_path, rows, seed_a_launch=True) == in_turn


def test_a_study_goes_on_in_the_order_it_was_begun_with(tmp_path: Path) -> None:
    rows, url = {"direct": (DIRECT,), "tsl": (TSL,)}, f"sqlite:///{tmp_path}/studies.db"
    for seed_a_launch in (True, False):
        runs = SeededRuns(
            phase="final", study="study", rows=rows, run=RunSettings(), seeds=[1, 2], seed_a_launch=seed_a_launch
        )
        runs.open({}, url).close()
    assert order(tmp_path, rows) == [("direct", 1), ("tsl", 1), ("direct", 2), ("tsl", 2)]
