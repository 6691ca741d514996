"""Search for one target language: train teachers, search students, confirm the best ones, and run the final rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings, to_json

from .budget import Budget, Clock, Seconds, trials_without_gain, typical_s
from .configuration import final_rows, label, settings_of
from .early_stopping import Pruning
from .execution import Execution
from .final import Rows, confirm_seeds, final_seeds, remaining, run_rows
from .parameters import JSON, Parameter, parameters_to_json
from .phase import RunLabel
from .plans import TrialPlan
from .spaces import PAPER_STUDENT, PAPER_TEACHER, SearchSpace, with_every_choice
from .studies import PhaseStudy, TrialRecord, check_study, read_study
from .warm_start import NO_WARM_START, WarmStart, as_stored

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
    _teachers: list[TrialRecord] = field(default_factory=list)  # finished ones, best first

    def run(self) -> dict[str, tuple[Configuration, ...]]:
        """Run all phases.

        Returns:
            The configurations of the final runs by row.

        Raises:
            UserError: a phase ended without a finished trial.
        """
        settings, execution = self.settings, self.execution
        teachers = open_teacher_study(settings, execution.conditions, execution.study_storage)
        clock = Clock(budget=settings.budget, study=teachers)
        execution.run(
            "teacher",
            teachers,
            self._teacher_plan,
            self._label,
            may_start=lambda: clock.allows(self._needed_s(teachers)),
            # The paper's student needs the paper's teacher, trained to the last epoch.
            never_pruned={i for i, point in enumerate(settings.space.first_teachers) if point == PAPER_TEACHER},
            retry_failed=self._may_retry_teachers(teachers),
        )
        self._teachers = _ranked(teachers, "teacher")
        students = self._open_student_study()
        execution.run(
            "student",
            students,
            self._student_plan,
            self._label,
            may_start=lambda: self._may_start_student(clock, teachers, students),
            retry_failed=settings.retry_failed,
        )
        rows = final_rows(settings.rows, self._confirmed(_ranked(students, "student")))
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
        count, space = len(self._teachers), self.settings.space
        if count < space.most_teachers:
            self.execution.display.line(
                f"{count} of {space.most_teachers} teachers finished training: students learn from at most {count}"
            )
        points = [*space.first_students, *(trial.parameters for trial in self.settings.warm_start.students)]
        definition = _study_definition(
            "student",
            space.students_of(count),
            first=[self._with_trained_teachers(point) for point in points],
            own={"ranked_teachers": [trial.number for trial in self._teachers]},
            settings=self.settings,
            conditions=self.execution.conditions,
        )
        return PhaseStudy.open(self.execution.study_storage, trials=self.settings.trials, **definition)

    def _with_trained_teachers(self, point: Mapping[str, JSON]) -> dict[str, JSON]:
        """The point with `teachers`, if set, limited to the number of trained teachers."""
        teachers = point.get("teachers")
        return {**point, "teachers": min(int(teachers), len(self._teachers))} if teachers else dict(point)  # type: ignore[arg-type]

    def _student_plan(self, record: TrialRecord) -> TrialPlan:
        return TrialPlan(
            phase="student",
            number=record.number,
            run=self.settings.run,
            configurations=(self._configuration(record),),
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
        return trial + remaining(self.settings).seconds(each, self.execution.concurrent)

    def _configuration(self, record: TrialRecord) -> Configuration:
        """Configuration of a student trial: the best teachers; for the paper's student, the paper's teacher."""
        count = record.parameters["teachers"]
        assert isinstance(count, int | float)
        teachers = self._teachers[: int(count)]
        if record.parameters == PAPER_STUDENT:
            teachers = [one for one in self._teachers if one.parameters == PAPER_TEACHER][:1] or teachers
        return Configuration(
            teachers=tuple(settings_of(TeacherSettings, teacher.parameters) for teacher in teachers),
            student=settings_of(StudentSettings, record.parameters),
        )

    def _label(self, record: TrialRecord, plan: TrialPlan) -> RunLabel:
        """The label of a teacher or student trial, with the tag `warm_start` if its parameters come from one."""
        plain, warm = label(record, plan), self.settings.warm_start
        for trial in warm.teachers if plan.phase == "teacher" else warm.students:
            if self._with_trained_teachers(trial.parameters).items() <= record.parameters.items():
                return replace(plain, tags={**plain.tags, "warm_start": trial.origin})
        return plain

    # -- confirmation

    def _confirmed(self, ranked: list[TrialRecord]) -> list[Configuration]:
        """The best configurations, best first by their mean scores, after runs with more seeds."""
        scores: dict[Configuration, list[float]] = {}
        for trial in ranked:
            if len(scores) < self.settings.confirm:
                scores.setdefault(self._configuration(trial), [trial.value or 0.0])
        if len(scores) < 2:
            return list(scores)
        # Rows are named by hashes: in an extended search a candidate may have another rank, but is the same run.
        rows: Rows = {one.digest: (one,) for one in scores}
        study = run_rows(
            self.execution,
            "confirm",
            study=self.settings.name,
            rows=rows,
            run=self.settings.run,
            seeds=confirm_seeds(self.settings.run),
            retry_failed=self.settings.retry_failed,
        )
        for trial in study.trials():
            if trial.state == "COMPLETE" and trial.value is not None:
                scores[rows[str(trial.parameters["row"])][0]].append(trial.value)
        # A configuration with failed runs ranks below those without.
        return sorted(scores, key=lambda one: (-len(scores[one]), -fmean(scores[one])))


def _ranked(study: PhaseStudy, kind: str) -> list[TrialRecord]:
    """Finished trials, best first. Raises UserError if there are none."""
    trials = study.trials()
    complete = [trial for trial in trials if trial.state == "COMPLETE"]
    if not complete:
        reasons = "; ".join(sorted({trial.reason for trial in trials if trial.reason})) or "none recorded"
        raise UserError(f"no {kind} finished training. Reasons: {reasons}. Fix the cause, then add --retry-failed.")
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))


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
            epochs=run.epochs,
            grace=settings.grace,
            reduction=settings.reduction,
            kinds=KINDS if phase == "student" else (),
        ),
    }
