"""The search for one target language: teachers, students, the best of them confirmed, final runs with several seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from msd_ray.common.errors import UserError
from msd_ray.method.settings import Configuration, RunSettings, TeacherSettings, to_json

from .budget import Budget, Clock, Remaining, Seconds, typical_s, without_gain
from .configuration import AVERAGE, BEST, DIRECT, PAPER, TSL, final_rows, label, settings_of
from .early_stopping import Pruning
from .execution import Execution
from .final import CONFIRM_SEEDS, Rows, SeededRuns, confirm_seeds, final_seeds
from .parameters import JSON, Fixed, Parameter, parameters_to_json
from .phase import RunLabel
from .plans import TrialPlan
from .progress import NO_WORK
from .ranking import RankedTeachers, candidate_rows, confirmed
from .spaces import PAPER_STUDENT, PAPER_TEACHER, SearchSpace, with_every_choice
from .studies import PhaseStudy, TrialRecord, check_study, read_study
from .warm_start import NO_WARM_START, WarmStart, as_begun

ONE_TEACHER, ONE_STUDENT = Remaining(teachers=1, students=0), Remaining(teachers=0, students=1)
KINDS = ("init", "kd_loss")
"""Students are compared for early stopping with those of their kind alone."""


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """What a search is told, beside its data.

    trials, teacher_trials: of the student and the teacher phase, at most. seeds: final runs of each row; they use the
    seeds after the search's own, so that no final run is one that chose the configuration. rows: of the table, see
    `configuration.final_rows`. confirm: how many of the best configurations are run with two more seeds before one is
    called best; as many make the row `average`. budget: what else ends the search. grace, reduction: of early stopping
    (see `asha.Pruning`). warm_start: the configurations of other studies that are tried after the space's first.
    retry_failed: whether trials that have failed are run again; teachers only as long as no student was begun, for
    students are made with the teachers there were.
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
    """The search for one target language."""

    settings: SearchSettings
    execution: Execution
    _teachers: RankedTeachers = field(default_factory=RankedTeachers)

    def run(self) -> dict[str, tuple[Configuration, ...]]:
        """Run all phases; the configurations of the final runs by row.

        Raises UserError when a phase ends without a trial to go on with.
        """
        teachers = self.teacher_study()
        # The paper's student needs the paper's teacher, trained to the end.
        papers = frozenset(
            number for number, point in enumerate(self.settings.space.first_teachers) if point == PAPER_TEACHER
        )
        clock = Clock(budget=self.settings.budget, study=teachers)
        after = remaining(self.settings)
        self._run(
            "teacher",
            teachers,
            self._teacher_plan,
            spared=papers,
            more=lambda: clock.leaves(self._needed(teachers)),
            work=[ONE_TEACHER],
            after=replace(after, students=after.students + self.settings.trials),
        )
        self._rank_teachers(teachers)
        students = self._student_study()
        self._run(
            "student",
            students,
            self._student_plan,
            more=lambda: self._more_students(clock, teachers, students),
            work=[ONE_STUDENT],
            after=after,
        )
        rows = final_rows(self.settings.rows, self._confirmed(students))
        self._seeded("final", rows)
        return rows

    # -- teacher phase

    def teacher_study(self) -> PhaseStudy:
        """The teacher phase's study, begun unless it is there. Raises UserError if it has other settings."""
        return open_teacher_study(self.settings, self.execution.conditions, self.execution.study_storage)

    def _teacher_plan(self, record: TrialRecord) -> TrialPlan:
        teacher = settings_of(TeacherSettings, record.parameters)
        return TrialPlan(
            phase="teacher",
            number=record.number,
            run=self.settings.run,
            configurations=(Configuration(teachers=(teacher,), student=None),),
        )

    def _rank_teachers(self, study: PhaseStudy) -> None:
        """Find the finished teachers, the best first, and the paper's among them."""
        self._teachers = RankedTeachers.of(study.trials())
        if not self._teachers.ranked:
            raise UserError(f"no teacher was trained; the reasons given: {_reasons(study)}")

    # -- student phase

    def _student_study(self) -> PhaseStudy:
        count, space = len(self._teachers.ranked), self.settings.space
        if count < space.most_teachers:
            self.execution.display.line(
                f"{count} of {space.most_teachers} teachers were trained to the end: students learn from no more"
            )
        points = [*space.first_students, *(trial.parameters for trial in self.settings.warm_start.students)]
        return self._open(
            "student",
            space.students_of(count),
            self.settings.trials,
            first=[self._teachers.limited(point) for point in points],
            own={"ranked_teachers": [trial.number for trial in self._teachers.ranked]},
        )

    def _student_plan(self, record: TrialRecord) -> TrialPlan:
        return TrialPlan(
            phase="student",
            number=record.number,
            run=self.settings.run,
            configurations=(self._teachers.configuration(record),),
        )

    def _more_students(self, clock: Clock, teachers: PhaseStudy, students: PhaseStudy) -> bool:
        patience, trials = self.settings.budget.patience, students.trials()
        if patience is not None and without_gain(trials) >= patience:
            return False
        return not trials or clock.leaves(self._needed(teachers, students))

    def _needed(self, teachers: PhaseStudy, students: PhaseStudy | None = None) -> float:
        """Seconds of one more trial of the phase, and of all that must follow it."""
        expected = self.execution.expected
        if self.settings.budget.hours is None:
            return 0.0
        assert expected is not None, "--hours comes with a measurement"
        each = Seconds(teacher=typical_s(teachers, expected.teacher), student=typical_s(students, expected.student))
        trial = each.teacher + each.student if students is None else each.student
        return trial + remaining(self.settings).seconds(each, self.execution.concurrent())

    # -- the best configurations, and the final runs

    def _confirmed(self, students: PhaseStudy) -> list[Configuration]:
        """The best configurations, each run with more seeds, the best first by their mean scores."""
        candidates = self._teachers.candidates(students.trials(), self.settings.confirm)
        if not candidates:
            raise UserError(f"no student was trained; the reasons given: {_reasons(students)}")
        if len(candidates) < 2:
            return list(candidates)
        study = self._seeded("confirm", candidate_rows(candidates))
        return confirmed(candidates, study.trials())

    def _seeded(self, phase: Literal["confirm", "final"], rows: Rows) -> PhaseStudy:
        """Run rows with the phase's seeds; the runs' study."""
        execution, settings = self.execution, self.settings
        runs = seeded_runs(settings, phase, rows, seed_a_launch=execution.seed_a_launch)
        study = runs.open(execution.conditions, execution.study_storage)
        scored = execution.scored() if phase == "final" else None
        order = runs.runs(execution.study_storage)
        self._run(
            phase,
            study,
            lambda record: runs.plan(record, scored),
            work=runs.work(order),
            launches=runs.launches(order),
            after=final_runs(settings) if phase == "confirm" else NO_WORK,
        )
        return study

    # -- shared

    def _open(self, phase: str, space: Mapping[str, Parameter], trials: int, **rest: Any) -> PhaseStudy:
        definition = _definition(phase, space, settings=self.settings, conditions=self.execution.conditions, **rest)
        return PhaseStudy.open(self.execution.study_storage, trials=trials, **definition)

    def _retry_failed(self, name: str, study: PhaseStudy) -> None:
        if name == "teacher" and read_study(self.execution.study_storage, f"{self.settings.name}/student") is not None:
            if any(trial.state == "FAIL" for trial in study.trials()):
                self.execution.display.line("failed teachers are not run again: students were begun with the others")
            return
        if count := study.retry_failed():
            self.execution.display.line(f"{name}: {count} failed, run again")

    def _label(self, record: TrialRecord, plan: TrialPlan) -> RunLabel:
        """As every trial is called; where a warm start has it from, and what it runs again.

        A teacher or student that is run again has a run of its own. A final run goes on with the run of its seed,
        so that no seed counts twice.
        """
        called, warm = label(record, plan), self.settings.warm_start
        trials = {"teacher": warm.teachers, "student": warm.students}.get(plan.phase, ())
        origins = [
            trial.origin
            for trial in trials
            if self._teachers.limited(trial.parameters).items() <= record.parameters.items()
        ]
        tags = {"warm_start": origins[0]} if origins else {}
        if record.retry_of is not None:
            tags["retry_of"] = str(record.retry_of)
        return replace(called, tags={**called.tags, **tags})

    def _run(
        self,
        name: str,
        study: PhaseStudy,
        plan: Callable[[TrialRecord], TrialPlan],
        *,
        more: Callable[[], bool] = lambda: True,
        spared: frozenset[int] = frozenset(),
        **forecast: Any,
    ) -> None:
        """Run a phase. more: see `Phase`. spared: trials that are never stopped early, by their original numbers.

        forecast: work, launches and after of its `PhasePlan`.
        """
        if self.settings.retry_failed:
            self._retry_failed(name, study)
        retried = {trial.number for trial in study.trials() if trial.original in spared}
        self.execution.run(name, study, plan, self._label, more=more, spared=spared | retried, **forecast)


def seeded_runs(
    settings: SearchSettings, phase: Literal["confirm", "final"], rows: Rows, *, seed_a_launch: bool
) -> SeededRuns:
    """The runs of a phase with several seeds."""
    run = settings.run
    return SeededRuns(
        phase=phase,
        study=settings.name,
        rows=rows,
        run=run,
        seeds=confirm_seeds(run) if phase == "confirm" else final_seeds(run, settings.seeds),
        seed_a_launch=seed_a_launch,
    )


def check_hours(settings: SearchSettings, expected: Seconds, concurrent: int) -> None:
    """Raise UserError if not even one student fits into the hours of the search."""
    hours = settings.budget.hours
    needed = expected.teacher + expected.student + remaining(settings).seconds(expected, concurrent)
    if hours is not None and needed > 3600 * hours:
        raise UserError(
            f"--hours {hours:g} is too short: one teacher, one student, the runs that confirm the best and the final "
            f"runs take about {needed / 3600:.2g} hours here ({expected.teacher:.0f} s a teacher, "
            f"{expected.student:.0f} s a student, measured just now); give more --hours, or fewer --seeds, --confirm, "
            "--epochs or --limit"
        )


def remaining(settings: SearchSettings) -> Remaining:
    """The trainings that follow the student phase: two seeds of each configuration to confirm, and the final runs.

    As many as there may be: a student that learns from fewer teachers than the space allows needs fewer. The paper's
    student, where it is one of the best, has the paper's teacher beside those of the others.
    """
    final = final_runs(settings)
    if settings.confirm < 2 or settings.trials < 2:
        return final
    return Remaining(
        teachers=final.teachers + CONFIRM_SEEDS * (settings.space.most_teachers + _may_have_papers_teacher(settings)),
        students=final.students + CONFIRM_SEEDS * settings.confirm,
    )


def final_runs(settings: SearchSettings) -> Remaining:
    """The trainings of the final runs, at most; see `remaining`."""
    rows = settings.rows
    averaged = settings.confirm - 1 if AVERAGE in rows else 0
    searched = settings.space.most_teachers if {TSL, BEST, AVERAGE} & set(rows) else 0
    papers = PAPER in rows or (_may_have_papers_teacher(settings) and averaged > 0)
    # Where no teacher has auxiliary losses, the best one is the teacher of `direct` too.
    direct = DIRECT in rows and not (searched and settings.space.teacher["alpha"] == Fixed(value=0))
    return Remaining(
        teachers=settings.seeds * (searched + direct + papers),
        students=settings.seeds * ((TSL in rows) + (PAPER in rows) + (BEST in rows) + averaged),
    )


def _may_have_papers_teacher(settings: SearchSettings) -> bool:
    space = settings.space
    return PAPER_STUDENT in space.first_students and PAPER_TEACHER in space.first_teachers


def _reasons(study: PhaseStudy) -> str:
    return "; ".join(sorted({trial.reason for trial in study.trials() if trial.reason})) or "none"


def open_teacher_study(settings: SearchSettings, conditions: Mapping[str, JSON], storage: str) -> PhaseStudy:
    """The teacher phase's study, begun unless it is there.

    Raises UserError if it was begun with other settings, with each that differs.
    """
    definition = _teacher_definition(settings, conditions)
    return PhaseStudy.open(storage, trials=settings.teacher_trials, **definition)


def check_teacher_study(settings: SearchSettings, conditions: Mapping[str, JSON], storage: str) -> None:
    """Raise UserError where `open_teacher_study` would for the study's settings; nothing is made or changed."""
    begun = replace(settings, warm_start=as_begun(settings.warm_start, storage, settings.name))
    check_study(storage, **_teacher_definition(begun, conditions))


def _teacher_definition(settings: SearchSettings, conditions: Mapping[str, JSON]) -> dict[str, Any]:
    return _definition(
        "teacher",
        settings.space.teacher,
        first=[
            *settings.space.first_teachers,
            *(trial.parameters for trial in settings.warm_start.teachers),
        ],
        # Compared here already: a student phase with other settings would refuse them hours later.
        own={
            "students": parameters_to_json(settings.space.student),
            "first_students": [dict(point) for point in settings.space.first_students],
            **settings.warm_start.settings(),
        },
        settings=settings,
        conditions=conditions,
    )


def _definition(
    phase: str,
    space: Mapping[str, Parameter],
    *,
    first: list[Mapping[str, JSON]],
    settings: SearchSettings,
    conditions: Mapping[str, JSON],
    own: Mapping[str, JSON],
) -> dict[str, Any]:
    """What makes a phase's study, as arguments of `PhaseStudy.open` and `check_study`."""
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
