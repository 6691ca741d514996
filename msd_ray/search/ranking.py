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
    """The complete teacher trials. ranked: the best first. papers: the one of the paper's teacher, if there is one."""

    ranked: Sequence[TrialRecord] = ()
    papers: TrialRecord | None = None

    @classmethod
    def of(cls, trials: Iterable[TrialRecord]) -> "RankedTeachers":
        """Rank the trials of a teacher phase."""
        ranked = _ranked(trials)
        return cls(
            ranked=ranked,
            papers=next((t for t in sorted(ranked, key=_number) if t.parameters == PAPER_TEACHER), None),
        )

    def limited(self, point: Mapping[str, JSON]) -> dict[str, JSON]:
        """The point with no more teachers than were trained, where it says how many."""
        teachers = point.get("teachers")
        return {**point, "teachers": min(int(teachers), len(self.ranked))} if teachers else dict(point)  # type: ignore[arg-type]

    def configuration(self, student: TrialRecord) -> Configuration:
        """A student trial's: with the best teachers, or the paper's teacher for the paper's student."""
        count = student.parameters["teachers"]
        assert isinstance(count, int | float)
        teachers = self.ranked[: int(count)]
        if self.papers is not None and student.parameters == PAPER_STUDENT:
            teachers = [self.papers]
        return Configuration(
            teachers=tuple(settings_of(TeacherSettings, teacher.parameters) for teacher in teachers),
            student=settings_of(StudentSettings, student.parameters),
        )

    def candidates(self, students: Iterable[TrialRecord], count: int) -> dict[Configuration, float]:
        """The best `count` configurations of student trials with their scores, the best first."""
        found: dict[Configuration, float] = {}
        for trial in _ranked(students):
            if len(found) < count:
                found.setdefault(self.configuration(trial), trial.value or 0.0)
        return found


def candidate_rows(candidates: Iterable[Configuration]) -> Rows:
    """Rows of the confirm phase, named by digests: in an extended search a candidate may have another place."""
    return {one.digest: (one,) for one in candidates}


def confirmed(candidates: Mapping[Configuration, float], trials: Iterable[TrialRecord]) -> list[Configuration]:
    """The candidates by their mean score over their search trial and the confirm phase's `trials`, the best first."""
    rows = candidate_rows(candidates)
    scores = {one: [value] for one, value in candidates.items()}
    for trial in trials:
        if trial.state == "COMPLETE" and trial.value is not None:
            scores[rows[str(trial.parameters["row"])][0]].append(trial.value)
    # One that failed with a seed is not better for that.
    return sorted(scores, key=lambda one: (-len(scores[one]), -fmean(scores[one])))


def _ranked(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    complete = [trial for trial in trials if trial.state == "COMPLETE"]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))


def _number(trial: TrialRecord) -> int:
    return trial.number
