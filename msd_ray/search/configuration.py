"""Configurations of a search: from a trial's parameters, the paper's, a table's rows, and how trials are called."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from msd_ray.method.settings import Configuration, OptimizerSettings, StudentSettings, TeacherSettings, to_json
from msd_ray.method.variants import FINAL_ROWS, VARIANTS

from .parameters import JSON
from .phase import RunLabel
from .plans import TrialPlan
from .spaces import PAPER_STUDENT, PAPER_TEACHER
from .studies import TrialRecord

Settings = TypeVar("Settings", bound=OptimizerSettings)
DIRECT, TSL, PAPER, BEST, AVERAGE = FINAL_ROWS
"""A row is one configuration; `average` is several, whose students are averaged."""


def settings_of(kind: type[Settings], parameters: Mapping[str, JSON]) -> Settings:
    """Settings from a trial's parameters; the ones that are not hyperparameters of the kind are left out."""
    names = {f.name for f in fields(kind)}
    values: dict[str, Any] = {name: value for name, value in parameters.items() if name in names}
    if "rounds" in values:
        values["rounds"] = int(values["rounds"])  # a grid of numbers has 2.0
    return kind(**values)


PAPER_CONFIGURATION = Configuration(
    teachers=(settings_of(TeacherSettings, dict(PAPER_TEACHER)),),
    student=settings_of(StudentSettings, dict(PAPER_STUDENT)),
)


def final_rows(names: Sequence[str], best: Sequence[Configuration]) -> dict[str, tuple[Configuration, ...]]:
    """The rows with these names, in the order of `FINAL_ROWS`. best: the best configurations, the very best first.

    Where there is one of them only, there is nothing to average.
    """
    first = best[0]
    assert first.student is not None, "a search is for students"
    direct = VARIANTS[DIRECT].teacher_settings(first.teachers[0])
    plain = replace(first.student, beta=0.0, alpha_prime=0.0, beta_prime=0.0)
    rows = {
        DIRECT: (Configuration(teachers=(direct,), student=None),),
        TSL: (replace(first, student=plain),),
        PAPER: (PAPER_CONFIGURATION,),
        BEST: (first,),
        AVERAGE: tuple(best),
    }
    return {name: row for name, row in rows.items() if name in names and (name != AVERAGE or len(row) > 1)}


def row_digest(row: Sequence[Configuration]) -> str:
    """Eight hexadecimal digits: of one configuration its own."""
    digests = [configuration.digest for configuration in row]
    return digests[0] if len(digests) == 1 else hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:8]


def label(record: TrialRecord, plan: TrialPlan) -> RunLabel:
    """How a trial is called in the run records."""
    first, digest = plan.configurations[0], row_digest(plan.configurations)
    parameters: dict[str, JSON] = {"seed": plan.run.seed, "teacher": to_json(first.teachers[0])}
    if len(first.teachers) > 1:
        parameters["teachers"] = len(first.teachers)
        parameters |= {f"teacher_{rank}": to_json(one) for rank, one in enumerate(first.teachers[1:], start=2)}
    if first.student is not None:
        parameters["student"] = to_json(first.student)
    if len(plan.configurations) > 1:
        parameters["averaged"] = [configuration.digest for configuration in plan.configurations]
    if plan.phase not in ("confirm", "final"):
        return RunLabel(
            key=plan.key, name=f"{plan.phase}-{plan.number}", parameters=parameters, tags={"configuration": digest}
        )
    row = str(record.parameters["row"])
    scored: dict[str, str] = {} if plan.scored is None else {"scored_split": plan.scored.split}
    if plan.scored is not None and plan.scored.lang == "source":
        scored["scored_on"] = "source"
    return RunLabel(
        key=f"{plan.phase}/{row}/{digest}/seed-{plan.run.seed}",
        name=f"{plan.phase}-{row}-seed-{plan.run.seed}",
        parameters=parameters,
        tags={
            "row": row,
            "configuration": digest,
            "seed": str(plan.run.seed),
            "zero_shot": str(all(configuration.zero_shot for configuration in plan.configurations)).lower(),
            **scored,
        },
    )
