"""Status of a stored search: ended and total trials of its phases, read without changing anything."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

from .budget import Remaining, total
from .configuration import final_rows
from .final import Rows, SeededPhase, confirm_seeds, final_seeds, remaining, remaining_final, rows_study_name
from .ranking import RankedTeachers, candidate_rows, confirmed
from .search import SearchSettings
from .studies import TrialRecord, read_study
from .studies.points import Points
from .warm_start import as_stored


@dataclass(frozen=True, kw_only=True)
class PhaseStatus:
    """Trials of a phase.

    Args:
        name: teacher, student, confirm or final.
        ended: number of trials that need no more work.
        total: number of trials, retries included.
        requested: value of the option `extended_by`.
        extended_by: option that adds trials; empty if none does.
    """

    name: str
    ended: int
    total: int
    requested: int = 0
    extended_by: str = ""

    @property
    def finished(self) -> bool:
        """Whether all trials have ended."""
        return self.ended >= self.total

    def share(self, work: Remaining) -> Remaining:
        """The part of the phase's trainings that is left, rounded up."""
        left = 1 - min(self.ended / max(self.total, 1), 1)
        return Remaining(teachers=ceil(left * work.teachers), students=ceil(left * work.students))


def search_status(settings: SearchSettings, storage_url: str) -> Iterator[PhaseStatus]:
    """The phases of a search in order, up to the first unfinished one, whose results determine the phases after it."""
    settings = replace(settings, warm_start=as_stored(settings.warm_start, storage_url, settings.name))
    space = settings.space
    teacher_trials = _stored(storage_url, f"{settings.name}/teacher")
    warm = settings.warm_start
    first = [*space.first_teachers, *(trial.parameters for trial in warm.teachers)]
    points = Points(space.teacher, seed=0, first=first)
    yield (status := _status("teacher", teacher_trials, _most(settings.teacher_trials, points.count)))
    teachers = RankedTeachers.of(teacher_trials)
    if not status.finished or not teachers.ranked:
        return
    students = _stored(storage_url, f"{settings.name}/student")
    known = [*space.first_students, *(trial.parameters for trial in warm.students)]
    points = Points(space.students_of(len(teachers.ranked)), seed=0, first=[teachers.limited(point) for point in known])
    status = _status("student", students, _most(settings.trials, points.count))
    if points.count is None:
        status = replace(status, requested=settings.trials, extended_by="--trials")
    yield status
    candidates = teachers.candidates(students, settings.confirm)
    if not status.finished or not candidates:
        return
    study, best = settings.name, list(candidates)
    if len(best) > 1:
        rows, seeds = candidate_rows(best), confirm_seeds(settings.run)
        yield (status := rows_status("confirm", rows, seeds, study=study, storage_url=storage_url))
        if not status.finished:
            return
        name = rows_study_name("confirm", study=study, rows=rows, seeds=seeds)
        best = confirmed(candidates, _stored(storage_url, name))
    rows, seeds = final_rows(settings.rows, best), final_seeds(settings.run, settings.seeds)
    yield rows_status("final", rows, seeds, study=study, storage_url=storage_url)


def is_finished(phases: Iterable[PhaseStatus]) -> bool:
    """Whether a search has nothing left to train."""
    found = list(phases)
    return bool(found) and found[-1].name == "final" and found[-1].finished


def search_work(settings: SearchSettings, phases: Sequence[PhaseStatus]) -> Remaining:
    """The trainings that a search has left, at most. phases: its status."""
    found = {phase.name: phase for phase in phases}
    final = remaining_final(settings)
    if "final" in found:
        return found["final"].share(final)
    after = remaining(settings)
    confirm = Remaining(teachers=after.teachers - final.teachers, students=after.students - final.students)
    if "confirm" in found:
        return total([found["confirm"].share(confirm), final])
    teachers, students = found["teacher"], found.get("student")
    return total(
        [
            teachers.share(Remaining(teachers=teachers.total, students=0)),
            Remaining(teachers=0, students=settings.trials if students is None else students.total - students.ended),
            after,
        ]
    )


def rows_status(phase: SeededPhase, rows: Rows, seeds: Sequence[int], *, study: str, storage_url: str) -> PhaseStatus:
    """A phase that repeats rows of configurations with several seeds."""
    name = rows_study_name(phase, study=study, rows=rows, seeds=seeds)
    return _status(phase, _stored(storage_url, name), len(rows) * len(seeds))


def _stored(storage_url: str, name: str) -> tuple[TrialRecord, ...]:
    study = read_study(storage_url, name)
    return () if study is None else study.trials


def _status(name: str, trials: Sequence[TrialRecord], count: int) -> PhaseStatus:
    ended = [trial for trial in trials if trial.state not in ("RUNNING", "WAITING")]
    retries = sum(trial.retry_of is not None for trial in trials)
    return PhaseStatus(name=name, ended=len(ended), total=max(count + retries, len(trials)))


def _most(trials: int, points: int | None) -> int:
    return trials if points is None else min(trials, points)
