"""Runs over seeds: every row of a table, one configuration or several whose students are averaged, with every seed.

A search confirms its best configurations and then runs the rows of its table. An ablation has one row per variant.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from msd_ray.method.settings import Configuration, RunSettings, TeacherSettings, to_json

from .budget import Remaining
from .configuration import AVERAGE, BEST, DIRECT, PAPER, TSL, label, row_digest
from .execution import Execution
from .parameters import JSON, Choice, Fixed, Parameter, Range
from .plans import TrialPlan
from .progress import NO_WORK
from .spaces import PAPER_STUDENT, PAPER_TEACHER
from .studies import PhaseStudy, TrialRecord, read_study

if TYPE_CHECKING:
    from .search import SearchSettings

SeededPhase = Literal["confirm", "final"]
Rows = Mapping[str, tuple[Configuration, ...]]
CONFIRM_SEEDS = 2
"""Runs of each of the best configurations in addition to the search's own, before the best one is chosen."""
_FIRST_CONFIRM_SEED = 1001  # after the seed of the search: there are at most a thousand seeds of final runs


def final_seeds(run: RunSettings, seeds: int) -> list[int]:
    """Seeds of final runs. They follow the search's own, so no final run has selected a configuration."""
    return [run.seed + 1 + index for index in range(seeds)]


def confirm_seeds(run: RunSettings) -> list[int]:
    """Seeds that confirm the best configurations: neither the search's nor a final run's."""
    return [run.seed + _FIRST_CONFIRM_SEED + index for index in range(CONFIRM_SEEDS)]


def run_rows(
    execution: Execution,
    phase: SeededPhase,
    *,
    study: str,
    rows: Rows,
    run: RunSettings,
    seeds: Sequence[int],
    target_gold: Callable[[], str | None] = lambda: None,
    retry_failed: bool = False,
    after: Remaining = NO_WORK,
) -> PhaseStudy:
    """Run every row with every seed that is not finished.

    Args:
        execution: where the runs are executed and recorded.
        phase: "final" runs are scored on the test set.
        study: name of the search or ablation.
        rows: configurations by row.
        run: settings of all runs except the seed.
        seeds: of each row.
        target_gold: returns the key of the target's gold labels; called only for rows that are not zero-shot.
        retry_failed: whether failed runs are retried.
        after: trainings of the phases that follow, at most.

    Returns:
        The study of the runs.

    Raises:
        UserError: the study exists with other settings.
    """
    definition = rows_study(
        execution.study_storage,
        phase,
        study=study,
        rows=rows,
        run=run,
        seeds=seeds,
        conditions=execution.conditions,
        one_launch_per_seed=execution.one_launch_per_seed,
    )
    order = definition["first"]
    runs = PhaseStudy.open(execution.study_storage, trials=len(order), **definition)
    scored = execution.scored() if phase == "final" else None
    gold = None if all(one.zero_shot for row in rows.values() for one in row) else target_gold()

    def plan(record: TrialRecord) -> TrialPlan:
        row, seed = rows[str(record.parameters["row"])], record.parameters["seed"]
        assert isinstance(seed, int | float)
        return TrialPlan(
            phase=phase,
            number=record.number,
            run=replace(run, seed=int(seed)),
            configurations=row,
            scored=scored,
            target_gold=None if all(one.zero_shot for one in row) else gold,
        )

    execution.run(
        phase,
        runs,
        plan,
        label,
        retry_failed=retry_failed,
        work=trainings(rows, order),
        launches=[run["seed"] for run in order] if execution.one_launch_per_seed else [],
        after=after,
    )
    return runs


def rows_study(
    storage: str,
    phase: SeededPhase,
    *,
    study: str,
    rows: Rows,
    run: RunSettings,
    seeds: Sequence[int],
    conditions: Mapping[str, JSON],
    one_launch_per_seed: bool,
) -> dict[str, Any]:
    """Arguments of `PhaseStudy.open` and `check_study` for the runs; a stored study keeps its order of runs."""
    name = rows_study_name(phase, study=study, rows=rows, seeds=seeds)
    stored = read_study(storage, name)
    names = tuple(rows)
    parameter: Parameter = Choice(values=names) if len(names) > 1 else Fixed(value=names[0])
    return {
        "name": name,
        "space": {"row": parameter, "seed": Range(low=0, high=2**31, step=1)},
        "settings": {
            **conditions,
            "rows": {row: [one.to_json() for one in configurations] for row, configurations in rows.items()},
            "run": to_json(run),
        },
        "seed": run.seed,
        "first": _ordered(rows, seeds, one_launch_per_seed) if stored is None else stored.settings["first"],
    }


def rows_study_name(phase: SeededPhase, *, study: str, rows: Rows, seeds: Sequence[int]) -> str:
    """Name of the study of the runs.

    Other configurations or seeds make another study; its runs in MLflow that are equal are reused.
    """
    digests = [[name, row_digest(row)] for name, row in rows.items()]
    digest = hashlib.sha256(json.dumps([digests, list(seeds)]).encode()).hexdigest()[:8]
    return f"{study}/{phase}-{digest}"


def trainings(rows: Rows, runs: Iterable[Mapping[str, JSON]]) -> list[Remaining]:
    """Trainings of each run, in their order: what no earlier run with its seed has trained."""
    trained: set[tuple[JSON, TeacherSettings | Configuration]] = set()
    found = []
    for run in runs:
        row, seed = rows[str(run["row"])], run["seed"]
        teachers = {(seed, teacher) for one in row for teacher in one.teachers} - trained
        students = {(seed, one) for one in row if one.student is not None} - trained
        trained |= teachers | students
        found.append(Remaining(teachers=len(teachers), students=len(students)))
    return found


def _ordered(rows: Rows, seeds: Sequence[int], one_launch_per_seed: bool) -> list[dict[str, JSON]]:
    """All runs in order: seed by seed, because the rows of a seed share teachers.

    With one launch per run, runs that train a teacher come first, so that no concurrent run waits for it.
    """
    training: list[dict[str, JSON]] = []
    others: list[dict[str, JSON]] = []
    trained: set[tuple[int, TeacherSettings]] = set()
    for seed in seeds:
        for row, configurations in rows.items():
            needed = {(seed, teacher) for one in configurations for teacher in one.teachers}
            (others if one_launch_per_seed or needed <= trained else training).append({"row": row, "seed": seed})
            trained |= needed
    return training + others


def remaining(settings: "SearchSettings") -> Remaining:
    """Maximum number of trainings after the student phase: confirmation and final runs.

    A student that learns from fewer teachers than the space allows needs fewer. The paper's student, if it is among
    the best, needs the paper's teacher in addition.
    """
    final = remaining_final(settings)
    if settings.confirm < 2 or settings.trials < 2:
        return final
    return Remaining(
        teachers=final.teachers + CONFIRM_SEEDS * (settings.space.most_teachers + _may_have_paper_teacher(settings)),
        students=final.students + CONFIRM_SEEDS * settings.confirm,
    )


def remaining_final(settings: "SearchSettings") -> Remaining:
    """Maximum number of trainings of the final runs; see `remaining`."""
    rows, space = settings.rows, settings.space
    averaged = settings.confirm - 1 if AVERAGE in rows else 0
    searched = space.most_teachers if {TSL, BEST, AVERAGE} & set(rows) else 0
    paper = PAPER in rows or (_may_have_paper_teacher(settings) and averaged > 0)
    # If no teacher has auxiliary losses, the best one is also the teacher of `direct`.
    direct = DIRECT in rows and not (searched and space.teacher["alpha"] == Fixed(value=0))
    return Remaining(
        teachers=settings.seeds * (searched + direct + paper),
        students=settings.seeds * ((TSL in rows) + (PAPER in rows) + (BEST in rows) + averaged),
    )


def _may_have_paper_teacher(settings: "SearchSettings") -> bool:
    return PAPER_STUDENT in settings.space.first_students and PAPER_TEACHER in settings.space.first_teachers
