"""The order of runs over seeds."""

from dataclasses import replace
from pathlib import Path

import pytest

from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings
from msd_ray.search.final import Rows, SeededPhase, rows_study, trainings
from msd_ray.search.studies import PhaseStudy

PLAIN, CHANNELS = TeacherSettings(), TeacherSettings(alpha=0.5)
DIRECT = Configuration(teachers=(PLAIN,), student=None)
TSL = Configuration(teachers=(PLAIN,), student=StudentSettings())
BEST = Configuration(teachers=(CHANNELS, PLAIN), student=StudentSettings(beta=0.5))
SAME_TEACHERS = replace(BEST, student=StudentSettings(beta=0.1))


def open_study(
    storage: Path, rows: Rows, *, one_launch_per_seed: bool = False, phase: SeededPhase = "final"
) -> PhaseStudy:
    url = f"sqlite:///{storage}/studies.db"
    definition = rows_study(
        url,
        phase,
        study="study",
        rows=rows,
        run=RunSettings(),
        seeds=[1, 2],
        conditions={},
        one_launch_per_seed=one_launch_per_seed,
    )
    return PhaseStudy.open(url, trials=len(definition["first"]), **definition)


def order(study: PhaseStudy) -> list[tuple[str, int]]:
    found = []
    while (trial := study.propose()) is not None:
        found.append((str(trial.parameters["row"]), int(trial.parameters["seed"])))  # type: ignore[arg-type]
        study.complete(trial.number, 0.5)
    study.close()
    return found


def test_runs_that_train_a_teacher_come_first(tmp_path: Path) -> None:
    rows = {"direct": (DIRECT,), "tsl": (TSL,), "best": (BEST,), "average": (BEST, SAME_TEACHERS)}
    assert order(open_study(tmp_path, rows)) == [
        *[("direct", 1), ("best", 1), ("direct", 2), ("best", 2)],
        *[("tsl", 1), ("average", 1), ("tsl", 2), ("average", 2)],
    ]


@pytest.mark.parametrize("phase", ["confirm", "final"])
def test_runs_that_share_a_teacher_do_not_start_concurrently(phase: SeededPhase, tmp_path: Path) -> None:
    rows = {"a": (BEST,), "b": (SAME_TEACHERS,)}
    assert order(open_study(tmp_path, rows, phase=phase)) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_runs_that_share_a_launch_are_consecutive(tmp_path: Path) -> None:
    rows = {"direct": (DIRECT,), "tsl": (TSL,)}
    by_seed = [("direct", 1), ("tsl", 1), ("direct", 2), ("tsl", 2)]
    assert order(open_study(tmp_path, rows, one_launch_per_seed=True)) == by_seed


def test_a_resumed_study_keeps_its_order(tmp_path: Path) -> None:
    rows = {"direct": (DIRECT,), "tsl": (TSL,)}
    open_study(tmp_path, rows, one_launch_per_seed=True).close()
    by_seed = [("direct", 1), ("tsl", 1), ("direct", 2), ("tsl", 2)]
    assert order(open_study(tmp_path, rows, one_launch_per_seed=False)) == by_seed


def test_each_run_counts_the_trainings_that_no_earlier_run_of_its_seed_has_done() -> None:
    rows: Rows = {"direct": (DIRECT,), "tsl": (TSL,), "best": (BEST,), "average": (BEST, SAME_TEACHERS)}
    once = [(1, 0), (0, 1), (1, 1), (0, 1)]
    runs = [{"row": row, "seed": seed} for seed in (1, 2) for row in rows]
    assert [(work.teachers, work.students) for work in trainings(rows, runs)] == [*once, *once]
    assert [(work.teachers, work.students) for work in trainings(rows, runs[3:4])] == [(2, 2)]
