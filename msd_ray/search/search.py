"""Search for one target language: train teachers, search students, confirm the best ones, and run the final rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.method.settings import Configuration, RunSettings, TeacherSettings, to_json

from .budget import Budget, Clock, Remaining, Seconds, trials_without_gain, typical_s
from .configuration import final_rows, label, settings_of
from .early_stopping import Pruning
from .execution import Execution
from .final import confirm_seeds, final_seeds, remaining, remaining_final, run_rows
from .parameters import JSON, Parameter, parameters_to_json
from .plans import TrialPlan
from .ranking import RankedTeachers, candidate_rows, confirmed
from .records import RunLabel
from .spaces import PAPER_TEACHER, SearchSpace, with_every_choice
from .studies import PhaseStudy, TrialRecord, check_study, read_study
from .warm_start import NO_WARM_START, WarmStart, as_stored

ONE_TEACHER, ONE_STUDENT = Remaining(teachers=1, students=0), Remaining(teachers=0, students=1)
KINDS = ("init", "kd_loss")
"""Early stopping compares students only with students that have the same values of these parameters."""


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """Settings of a search, without its data.

    Args:
        name: name of the study.
        space: search space.
        run: settings of all trainings.
        trials: maximum number of student trials.
        teacher_trials: maximum number of teacher trials.
        seeds: final runs per row. Their seeds follow the search's own, so no final run has selected a configuration.
        rows: rows of the table, see `configuration.final_rows`.
        confirm: number of best configurations that are repeated with two more seeds before the best one is chosen;
            the same configurations form the row `average`.
        budget: what else ends the search.
        grace: first epoch after which a trial may be pruned, see `early_stopping.Pruning`.
        reduction: about 1/`reduction` of the trials continue at each rung.
        warm_start: configurations of other studies, tried right after the space's first ones.
        retry_failed: whether failed trials are retried. Teachers are retried only until the student phase starts,
            because students depend on the teachers that exist then.
    """

    name: str
    space: SearchSpace
    run: RunSettings
    trials: int
    teacher_trials: int
    seeds: int
    rows: tuple[str, ...]
    confirm: int
    budget: Budget = field(default_factory=Budget)
    grace: int = 2
    reduction: int = 3
    warm_start: WarmStart = NO_WARM_START
    retry_failed: bool = False


@dataclass(kw_only=True)
class Search:
    """Search for one target language."""

    settings: SearchSettings
    execution: Execution
    _teachers: RankedTeachers = field(default_factory=RankedTeachers)

    def run(self) -> dict[str, tuple[Configuration, ...]]:
        """Run all phases.

        Returns:
            The configurations of the final runs by row.

        Raises:
            UserError: a phase ended without a finished trial.
        """
        settings, execution = self.settings, self.execution
        teachers = open_teacher_study(settings, execution.conditions, execution.study_storage)
        clock, after = Clock(budget=settings.budget, study=teachers), remaining(settings)
        execution.run(
            "teacher",
            teachers,
            self._teacher_plan,
            self._label,
            may_start=lambda: clock.allows(self._needed_s(teachers)),
            # The paper's student needs the paper's teacher, trained to the last epoch.
            never_pruned={i for i, point in enumerate(settings.space.first_teachers) if point == PAPER_TEACHER},
            retry_failed=self._may_retry_teachers(teachers),
            work=[ONE_TEACHER],
            after=replace(after, students=after.students + settings.trials),
        )
        self._teachers = RankedTeachers.of(teachers.trials())
        if not self._teachers.ranked:
            raise _none_finished("teacher", teachers)
        students = self._open_student_study()
        execution.run(
            "student",
            students,
            self._student_plan,
            self._label,
            may_start=lambda: self._may_start_student(clock, teachers, students),
            retry_failed=settings.retry_failed,
            work=[ONE_STUDENT],
            after=after,
        )
        rows = final_rows(settings.rows, self._confirmed(students))
        run_rows(
            execution,
            "final",
            study=settings.name,
            rows=rows,
            run=settings.run,
            seeds=final_seeds(settings.run, settings.seeds),
            retry_failed=settings.retry_failed,
        )
        return rows

    # -- teacher phase

    def _teacher_plan(self, record: TrialRecord) -> TrialPlan:
        teacher = settings_of(TeacherSettings, record.parameters)
        return TrialPlan(
            phase="teacher",
            number=record.number,
            run=self.settings.run,
            configurations=(Configuration(teachers=(teacher,), student=None),),
        )

    def _may_retry_teachers(self, teachers: PhaseStudy) -> bool:
        if not self.settings.retry_failed:
            return False
        if read_study(self.execution.study_storage, f"{self.settings.name}/student") is None:
            return True
        if any(trial.state == "FAIL" for trial in teachers.trials()):
            self.execution.display.line("failed teachers are not retried: the student phase has started without them")
        return False

    # -- student phase

    def _open_student_study(self) -> PhaseStudy:
        count, space = len(self._teachers.ranked), self.settings.space
        if count < space.most_teachers:
            self.execution.display.line(
                f"{count} of {space.most_teachers} teachers finished training: students learn from at most {count}"
            )
        points = [*space.first_students, *(trial.parameters for trial in self.settings.warm_start.students)]
        definition = _study_definition(
            "student",
            space.students_of(count),
            first=[self._teachers.limited(point) for point in points],
            own={"ranked_teachers": [trial.number for trial in self._teachers.ranked]},
            settings=self.settings,
            conditions=self.execution.conditions,
        )
        return PhaseStudy.open(self.execution.study_storage, trials=self.settings.trials, **definition)

    def _student_plan(self, record: TrialRecord) -> TrialPlan:
        return TrialPlan(
            phase="student",
            number=record.number,
            run=self.settings.run,
            configurations=(self._teachers.configuration(record),),
        )

    def _may_start_student(self, clock: Clock, teachers: PhaseStudy, students: PhaseStudy) -> bool:
        patience, trials = self.settings.budget.patience, students.trials()
        if patience is not None and trials_without_gain(trials) >= patience:
            return False
        return not trials or clock.allows(self._needed_s(teachers, students))

    def _needed_s(self, teachers: PhaseStudy, students: PhaseStudy | None = None) -> float:
        """Seconds of one more trial of the phase and of everything that must follow it."""
        expected = self.execution.expected
        if self.settings.budget.hours is None:
            return 0.0
        assert expected is not None, "--hours comes with a measurement"
        each = Seconds(teacher=typical_s(teachers, expected.teacher), student=typical_s(students, expected.student))
        trial = each.teacher + each.student if students is None else each.student
        return trial + remaining(self.settings).seconds(each, self.execution.concurrent())

    def _label(self, record: TrialRecord, plan: TrialPlan) -> RunLabel:
        """The label of a teacher or student trial, with the tag `warm_start` if its parameters come from one."""
        plain, warm = label(record, plan), self.settings.warm_start
        for trial in warm.teachers if plan.phase == "teacher" else warm.students:
            if self._teachers.limited(trial.parameters).items() <= record.parameters.items():
                return replace(plain, tags={**plain.tags, "warm_start": trial.origin})
        return plain

    # -- confirmation

    def _confirmed(self, students: PhaseStudy) -> list[Configuration]:
        """The best configurations, best first by their mean scores, after runs with more seeds."""
        settings = self.settings
        candidates = self._teachers.candidates(students.trials(), settings.confirm)
        if not candidates:
            raise _none_finished("student", students)
        if len(candidates) < 2:
            return list(candidates)
        study = run_rows(
            self.execution,
            "confirm",
            study=settings.name,
            rows=candidate_rows(candidates),
            run=settings.run,
            seeds=confirm_seeds(settings.run),
            retry_failed=settings.retry_failed,
            after=remaining_final(settings),
        )
        return confirmed(candidates, study.trials())


def _none_finished(kind: str, study: PhaseStudy) -> UserError:
    reasons = "; ".join(sorted({trial.reason for trial in study.trials() if trial.reason})) or "none recorded"
    return UserError(f"no {kind} finished training. Reasons: {reasons}. Fix the cause, then add --retry-failed.")


def open_teacher_study(settings: SearchSettings, conditions: Mapping[str, JSON], storage: str) -> PhaseStudy:
    """Open the study of the teacher phase, creating it if it does not exist.

    Raises:
        UserError: it exists with other settings; the message lists them.
    """
    definition = _teacher_definition(settings, conditions)
    return PhaseStudy.open(storage, trials=settings.teacher_trials, **definition)


def check_teacher_study(settings: SearchSettings, conditions: Mapping[str, JSON], storage: str) -> None:
    """Raise UserError if `open_teacher_study` would because of the settings; writes nothing."""
    stored = replace(settings, warm_start=as_stored(settings.warm_start, storage, settings.name))
    check_study(storage, **_teacher_definition(stored, conditions))


def _teacher_definition(settings: SearchSettings, conditions: Mapping[str, JSON]) -> dict[str, Any]:
    space, warm = settings.space, settings.warm_start
    return _study_definition(
        "teacher",
        space.teacher,
        first=[*space.first_teachers, *(trial.parameters for trial in warm.teachers)],
        # The student phase's settings, too: a conflict in them would otherwise appear hours later.
        own={
            "students": parameters_to_json(space.student),
            "first_students": [dict(point) for point in space.first_students],
            **warm.settings(),
        },
        settings=settings,
        conditions=conditions,
    )


def _study_definition(
    phase: str,
    space: Mapping[str, Parameter],
    *,
    first: list[Mapping[str, JSON]],
    own: Mapping[str, JSON],
    settings: SearchSettings,
    conditions: Mapping[str, JSON],
) -> dict[str, Any]:
    """Arguments of `PhaseStudy.open` and `check_study` for a phase."""
    run = settings.run
    return {
        "name": f"{settings.name}/{phase}",
        "space": space,
        "settings": {**conditions, **own, "run": to_json(run)},
        "seed": run.seed,
        "first": with_every_choice(first, space),
        "pruning": Pruning(
            epochs=(run.of_student if phase == "student" else run).epochs,
            grace=settings.grace,
            reduction=settings.reduction,
            kinds=KINDS if phase == "student" else (),
        ),
    }
