"""Runs over seeds: rows of a table, each one configuration, or several to be averaged, trained with every seed.

A search confirms its best configurations and then scores the rows of its table; an ablation has one row a variant.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from msd_ray.method.settings import Configuration, RunSettings, TeacherSettings, to_json

from .budget import Remaining
from .configuration import row_digest
from .parameters import JSON, Choice, Fixed, Parameter, Range
from .plans import Scored, TrialPlan
from .studies import PhaseStudy, TrialRecord, check_study, read_study

Rows = Mapping[str, tuple[Configuration, ...]]
CONFIRM_SEEDS = 2
"""Runs of each of the best configurations, beside the one of the search, before one of them is called best."""
_FIRST_CONFIRM_SEED = 1001  # after the seed of the search: final runs have at most a thousand seeds


def final_seeds(run: RunSettings, seeds: int) -> list[int]:
    """The seeds of final runs: those after the search's own, so that no final run is one that chose a configuration."""
    return [run.seed + 1 + index for index in range(seeds)]


def confirm_seeds(run: RunSettings) -> list[int]:
    """The seeds with which the best configurations are confirmed: neither the search's nor a final run's."""
    return [run.seed + _FIRST_CONFIRM_SEED + index for index in range(CONFIRM_SEEDS)]


@dataclass(frozen=True, kw_only=True)
class SeededRuns:
    """All rows with all seeds.

    study: the name that their study's begins with. seed_a_launch: whether the runs of one seed share a launch.
    """

    phase: Literal["confirm", "final"]
    study: str
    rows: Rows
    run: RunSettings
    seeds: Sequence[int]
    seed_a_launch: bool

    def open(self, conditions: Mapping[str, JSON], storage: str) -> PhaseStudy:
        """The runs' study, begun unless it is there. Raises UserError if it has other settings."""
        runs = self.runs(storage)
        return PhaseStudy.open(storage, trials=len(runs), **self._definition(conditions, runs))

    def check(self, conditions: Mapping[str, JSON], storage: str) -> None:
        """Raise UserError where `open` would for the study's settings; nothing is made or changed."""
        check_study(storage, **self._definition(conditions, self.runs(storage)))

    def _definition(self, conditions: Mapping[str, JSON], runs: Sequence[Mapping[str, JSON]]) -> dict[str, Any]:
        """What makes their study, as arguments of `PhaseStudy.open` and `check_study`."""
        names = tuple(self.rows)
        row: Parameter = Choice(values=names) if len(names) > 1 else Fixed(value=names[0])
        return {
            "name": self.name,
            "space": {"row": row, "seed": Range(low=0, high=2**31, step=1)},
            "settings": {
                **conditions,
                "rows": {name: [one.to_json() for one in row] for name, row in self.rows.items()},
                "run": to_json(self.run),
            },
            "seed": self.run.seed,
            "first": runs,
        }

    @property
    def name(self) -> str:
        """The name of their study: another configuration or more seeds make another one."""
        digests = [[name, row_digest(row)] for name, row in self.rows.items()]
        digest = hashlib.sha256(json.dumps([digests, list(self.seeds)]).encode()).hexdigest()[:8]
        return f"{self.study}/{self.phase}-{digest}"

    def runs(self, storage: str) -> list[dict[str, JSON]]:
        """Row and seed of each run by its number: in the order that the study was begun with, if it was."""
        begun = read_study(storage, self.name)
        return self.in_order if begun is None else begun.settings["first"]  # type: ignore[return-value]

    def work(self, runs: Sequence[Mapping[str, JSON]]) -> list[Remaining]:
        """Trainings of each run: what no earlier run with its seed has trained."""
        trained: set[tuple[JSON, TeacherSettings | Configuration]] = set()
        found = []
        for run in runs:
            row, seed = self.rows[str(run["row"])], run["seed"]
            teachers = {(seed, teacher) for one in row for teacher in one.teachers} - trained
            students = {(seed, one) for one in row if one.student is not None} - trained
            trained |= teachers | students
            found.append(Remaining(teachers=len(teachers), students=len(students)))
        return found

    def launches(self, runs: Sequence[Mapping[str, JSON]]) -> list[int]:
        """Launch of each run; empty if each has its own."""
        return [int(run["seed"]) for run in runs] if self.seed_a_launch else []  # type: ignore[arg-type]

    @property
    def in_order(self) -> list[dict[str, JSON]]:
        """The runs in their order in a new study: seed by seed, for the rows of one seed share teachers.

        Where each has a launch of its own, those come first that train a teacher, so that no run beside them waits for
        it.
        """
        training: list[dict[str, JSON]] = []
        others: list[dict[str, JSON]] = []
        trained: set[tuple[int, TeacherSettings]] = set()
        for seed in self.seeds:
            for row, configurations in self.rows.items():
                needed = {(seed, teacher) for one in configurations for teacher in one.teachers}
                (others if self.seed_a_launch or needed <= trained else training).append({"row": row, "seed": seed})
                trained |= needed
        return training + others

    def plan(self, record: TrialRecord, scored: Scored | None = None, target_gold: str | None = None) -> TrialPlan:
        """What one of the runs does. target_gold: for the configurations that want gold labels, and for no other."""
        row, seed = self.rows[str(record.parameters["row"])], record.parameters["seed"]
        assert isinstance(seed, int | float)
        return TrialPlan(
            phase=self.phase,
            number=record.number,
            run=replace(self.run, seed=int(seed)),
            configurations=row,
            scored=scored,
            target_gold=None if all(one.zero_shot for one in row) else target_gold,
        )
