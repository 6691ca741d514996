"""Configurations of a search: of trials, of the paper, of a table's rows; and the labels of their runs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from msd_ray.method.settings import Configuration, OptimizerSettings, StudentSettings, TeacherSettings, to_json
from msd_ray.method.variants import FINAL_ROWS, VARIANTS

from .parameters import JSON
from .plans import TrialPlan
from .records import RunLabel
from .spaces import PAPER_STUDENT, PAPER_TEACHER
from .studies import TrialRecord

Settings = TypeVar("Settings", bound=OptimizerSettings)
DIRECT, TSL, PAPER, BEST, AVERAGE = FINAL_ROWS
"""Names of rows. A row is one configuration; `average` has several, whose students are averaged."""


def settings_of(kind: type[Settings], parameters: Mapping[str, JSON]) -> Settings:
    """Settings from a trial's parameters; parameters that the kind does not have are ignored."""
    names = {f.name for f in fields(kind)}
    values: dict[str, Any] = {name: value for name, value in parameters.items() if name in names}
    if "rounds" in values:
        values["rounds"] = int(values["rounds"])  # a range with a step yields floats
    return kind(**values)


PAPER_CONFIGURATION = Configuration(
    teachers=(settings_of(TeacherSettings, dict(PAPER_TEACHER)),),
    student=settings_of(StudentSettings, dict(PAPER_STUDENT)),
)


def final_rows(names: Sequence[str], best: Sequence[Configuration]) -> dict[str, tuple[Configuration, ...]]:
    """The rows with these names, in the order of `FINAL_ROWS`; no `average` of a single configuration.

    Args:
        names: names of rows.
        best: the best configurations, best first.
    """
    first = best[0]
    assert first.student is not None, "a search selects students"
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
    """Hash of a row, eight hexadecimal digits; that of its configuration if there is only one."""
    digests = [configuration.digest for configuration in row]
    return digests[0] if len(digests) == 1 else hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:8]


def final_key(row: str, digest: str, seed: int, *, phase: str = "final") -> str:
    """Key of the run that trains a row's configuration with a seed, in the phase `final` or `confirm`."""
    return f"{phase}/{row}/{digest}/seed-{seed}"


def label(record: TrialRecord, plan: TrialPlan) -> RunLabel:
    """Key, name, parameters and tags of a trial's run."""
    first, digest = plan.configurations[0], row_digest(plan.configurations)
    parameters: dict[str, JSON] = {"seed": plan.run.seed, "teacher": to_json(first.teachers[0])}
    if len(first.teachers) > 1:
        parameters["teachers"] = len(first.teachers)
        parameters |= {f"teacher_{rank}": to_json(one) for rank, one in enumerate(first.teachers[1:], start=2)}
    if first.student is not None:
        parameters["student"] = to_json(first.student)
    if len(plan.configurations) > 1:
        parameters["averaged"] = [configuration.digest for configuration in plan.configurations]
    retry = {} if record.retry_of is None else {"retry_of": str(record.retry_of)}
    if plan.phase not in ("confirm", "final"):
        return RunLabel(
            key=plan.key,
            name=f"{plan.phase}-{plan.number}",
            parameters=parameters,
            tags={"configuration": digest, **retry},
        )
    row = str(record.parameters["row"])
    scored: dict[str, str] = {} if plan.scored is None else {"scored_split": plan.scored.split}
    if plan.scored is not None and plan.scored.lang == "source":
        scored["scored_on"] = "source"
    return RunLabel(
        key=final_key(row, digest, plan.run.seed, phase=plan.phase),
        name=f"{plan.phase}-{row}-seed-{plan.run.seed}",
        parameters=parameters,
        tags={
            "row": row,
            "configuration": digest,
            "seed": str(plan.run.seed),
            "zero_shot": str(all(configuration.zero_shot for configuration in plan.configurations)).lower(),
            **scored,
            **retry,
        },
    )
