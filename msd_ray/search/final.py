"""Runs over seeds: every row of a table, one configuration or several whose students are averaged, with every seed.

A search confirms its best configurations and then runs the rows of its table. An ablation has one row per variant.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from msd_ray.method.settings import Configuration, RunSettings, TeacherSettings, to_json

from .budget import Remaining
from .configuration import AVERAGE, BEST, DIRECT, PAPER, TSL, label, row_digest
from .execution import Execution
from .parameters import JSON, Choice, Fixed, Parameter, Range
from .plans import TrialPlan
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

    Returns:
        The study of the runs.

    Raises:
        UserError: the study exists with other settings.
    """
    runs = open_rows_study(
        execution.study_storage,
        phase,
        study=study,
        rows=rows,
        run=run,
        seeds=seeds,
        conditions=execution.conditions,
        one_launch_per_seed=execution.one_launch_per_seed,
    )
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

    execution.run(phase, runs, plan, label, retry_failed=retry_failed)
    return runs


def open_rows_study(
    storage: str,
    phase: SeededPhase,
    *,
    study: str,
    rows: Rows,
    run: RunSettings,
    seeds: Sequence[int],
    conditions: Mapping[str, JSON],
    one_launch_per_seed: bool,
) -> PhaseStudy:
    """Open the study of the runs, creating it if it does not exist.

    Other configurations or seeds make another study; its runs in MLflow that are equal are reused.
    """
    digests = [[name, row_digest(row)] for name, row in rows.items()]
    digest = hashlib.sha256(json.dumps([digests, list(seeds)]).encode()).hexdigest()[:8]
    name = f"{study}/{phase}-{digest}"
    stored = read_study(storage, name)
    runs = _ordered(rows, seeds, one_launch_per_seed) if stored is None else stored.settings["first"]
    assert isinstance(runs, list)
    names = tuple(rows)
    parameter: Parameter = Choice(values=names) if len(names) > 1 else Fixed(value=names[0])
    return PhaseStudy.open(
        storage,
        name,
        space={"row": parameter, "seed": Range(low=0, high=2**31, step=1)},
        settings={
            **conditions,
            "rows": {row: [one.to_json() for one in configurations] for row, configurations in rows.items()},
            "run": to_json(run),
        },
        seed=run.seed,
        trials=len(runs),
        first=runs,  # type: ignore[arg-type]
    )


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
    each, rows = settings.space.most_teachers, settings.rows
    confirmed = settings.confirm if settings.confirm > 1 and settings.trials > 1 else 0
    averaged = settings.confirm - 1 if AVERAGE in rows else 0
    searched = each if {TSL, BEST, AVERAGE} & set(rows) else 0
    paper = PAPER_STUDENT in settings.space.first_students and PAPER_TEACHER in settings.space.first_teachers
    paper_final = PAPER in rows or (paper and averaged > 0)
    return Remaining(
        teachers=CONFIRM_SEEDS * (each + paper if confirmed else 0)
        + settings.seeds * (searched + (DIRECT in rows) + paper_final),
        students=CONFIRM_SEEDS * confirmed
        + settings.seeds * ((TSL in rows) + (PAPER in rows) + (BEST in rows) + averaged),
    )
