"""Rankings of a search's trials: teachers by dev F1, student configurations by their mean dev F1 over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from msd_ray.method.settings import Configuration, StudentSettings, TeacherSettings

from .configuration import settings_of
from .final import Rows
from .parameters import JSON
from .spaces import PAPER_STUDENT, PAPER_TEACHER
from .studies import TrialRecord


@dataclass(frozen=True, kw_only=True)
class RankedTeachers:
    """The finished teacher trials, best first."""

    ranked: Sequence[TrialRecord] = ()

    @classmethod
    def of(cls, trials: Iterable[TrialRecord]) -> "RankedTeachers":
        """Rank the trials of a teacher phase."""
        return cls(ranked=_ranked(trials))

    def limited(self, point: Mapping[str, JSON]) -> dict[str, JSON]:
        """The point with `teachers`, if set, limited to the number of trained teachers."""
        teachers = point.get("teachers")
        return {**point, "teachers": min(int(teachers), len(self.ranked))} if teachers else dict(point)  # type: ignore[arg-type]

    def configuration(self, student: TrialRecord) -> Configuration:
        """Configuration of a student trial: the best teachers; for the paper's student, the paper's teacher."""
        count = student.parameters["teachers"]
        assert isinstance(count, int | float)
        teachers = self.ranked[: int(count)]
        if student.parameters == PAPER_STUDENT:
            teachers = [one for one in self.ranked if one.parameters == PAPER_TEACHER][:1] or teachers
        return Configuration(
            teachers=tuple(settings_of(TeacherSettings, teacher.parameters) for teacher in teachers),
            student=settings_of(StudentSettings, student.parameters),
        )

    def candidates(self, students: Iterable[TrialRecord], count: int) -> dict[Configuration, float]:
        """The best `count` configurations of student trials with their scores, best first."""
        found: dict[Configuration, float] = {}
        for trial in _ranked(students):
            if len(found) < count:
                found.setdefault(self.configuration(trial), trial.value or 0.0)
        return found


def candidate_rows(candidates: Iterable[Configuration]) -> Rows:
    """Rows of the confirm phase, named by hashes: in an extended search a candidate may have another rank."""
    return {one.digest: (one,) for one in candidates}


def confirmed(candidates: Mapping[Configuration, float], trials: Iterable[TrialRecord]) -> list[Configuration]:
    """The candidates best first by their mean scores over their search trial and the confirm phase's `trials`."""
    rows = candidate_rows(candidates)
    scores = {one: [value] for one, value in candidates.items()}
    for trial in trials:
        if trial.state == "COMPLETE" and trial.value is not None:
            scores[rows[str(trial.parameters["row"])][0]].append(trial.value)
    # A configuration with failed runs ranks below those without.
    return sorted(scores, key=lambda one: (-len(scores[one]), -fmean(scores[one])))


def _ranked(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    complete = [trial for trial in trials if trial.state == "COMPLETE"]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))
