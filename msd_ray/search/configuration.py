"""A configuration: all hyperparameters of a teacher and its student; the paper's; and how its trials are called."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from ..training import OptimizerSettings, StudentSettings, TeacherSettings, to_json
from .parameters import JSON
from .phase import RunLabel
from .plans import TrialPlan
from .spaces import PAPER_STUDENT, PAPER_TEACHER
from .studies import TrialRecord

Settings = TypeVar("Settings", bound=OptimizerSettings)
PAPER, BEST = "paper", "best"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a final run trains. student: None where the teacher itself tags the target."""

    teacher: TeacherSettings
    student: StudentSettings | None

    def to_json(self) -> dict[str, JSON]:
        """As nested plain values."""
        return {"teacher": to_json(self.teacher), "student": None if self.student is None else to_json(self.student)}

    @property
    def zero_shot(self) -> bool:
        """Whether no label of the target's training sentences reaches it."""
        return self.student is None or self.student.auxiliary == "soft labels"

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:8]


def settings_of(kind: type[Settings], parameters: Mapping[str, JSON]) -> Settings:
    """Settings from a trial's parameters; the ones that are not hyperparameters (`teacher`) are left out."""
    names = {f.name for f in fields(kind)}
    values: dict[str, Any] = {name: value for name, value in parameters.items() if name in names}
    return kind(**values)


def label(record: TrialRecord, plan: TrialPlan) -> RunLabel:
    """How a trial is called in the run records."""
    parameters: dict[str, JSON] = {"seed": plan.run.seed, "teacher": to_json(plan.teacher)}
    if plan.student is not None:
        parameters["student"] = to_json(plan.student)
    configuration = Configuration(teacher=plan.teacher, student=plan.student)
    digest = configuration.digest
    if plan.scored is None:
        return RunLabel(
            key=plan.key,
            name=f"{plan.phase}-{plan.number}",
            parameters=parameters,
            tags={"configuration": digest},
        )
    row = str(record.parameters["row"])
    return RunLabel(
        key=f"final/{row}/{digest}/seed-{plan.run.seed}",
        name=f"final-{row}-seed-{plan.run.seed}",
        parameters=parameters,
        tags={
            "row": row,
            "configuration": digest,
            "seed": str(plan.run.seed),
            "scored_split": plan.scored.split,
            "zero_shot": str(configuration.zero_shot).lower(),
        },
    )


PAPER_CONFIGURATION = Configuration(
    teacher=settings_of(TeacherSettings, dict(PAPER_TEACHER)),
    student=settings_of(StudentSettings, dict(PAPER_STUDENT)),
)
