"""The search for one target language: teachers, then students, then final runs with several seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import UserError
from ..training import RunSettings, StudentSettings, TeacherSettings, to_json
from .asha import Pruning
from .configuration import BEST, PAPER, PAPER_CONFIGURATION, Configuration, label, settings_of
from .execution import Execution
from .final import FinalRuns
from .first_trials import with_every_choice
from .parameters import JSON, Choice, Fixed, Parameter, parameters_to_json
from .phase import RunLabel
from .plans import TrialPlan
from .spaces import PAPER_STUDENT, PAPER_TEACHER, SearchSpace
from .studies import PhaseStudy, TrialRecord, check_study, read_study
from .warm_start import NO_WARM_START, WarmStart, WarmTrial, as_begun


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """What a search is told, beside its data.

    trials, teacher_trials: of the student and the teacher phase. seeds: final runs of each configuration; they use
    the seeds after the search's own, so that no final run is one that chose the configuration. grace, reduction: of
    early stopping (see `asha.Pruning`). warm_start: the configurations of other studies that are tried after the
    paper's. retry_failed: whether trials that have failed
    are run again; teachers only as long as no student was begun, for students are made with the teachers there were.
    """

    name: str
    space: SearchSpace
    run: RunSettings
    trials: int
    teacher_trials: int
    seeds: int
    grace: int = 2
    reduction: int = 3
    warm_start: WarmStart = NO_WARM_START
    retry_failed: bool = False


@dataclass(kw_only=True)
class Search:
    """The search for one target language."""

    settings: SearchSettings
    execution: Execution
    _teachers: list[TrialRecord] = field(default_factory=list)

    def run(self) -> dict[str, Configuration]:
        """Run all three phases; the configurations of the final runs by row (`paper`, and `best` if it is another).

        Raises UserError when a phase ends without a trial to go on with.
        """
        # The paper's student needs the paper's teacher, trained to the end.
        self._run("teacher", self.teacher_study(), self._teacher_plan, spare_the_papers=True)
        self._teachers = self._best_teachers()
        students = self._student_study()
        self._run("student", students, self._student_plan)
        rows = self._rows(students)
        self._final_phase(rows)
        return rows

    # -- teacher phase

    def teacher_study(self) -> PhaseStudy:
        """The teacher phase's study, begun unless it is there. Raises UserError if it has other settings."""
        return open_teacher_study(self.settings, self.execution.conditions, self.execution.study_storage)

    def _teacher_plan(self, record: TrialRecord) -> TrialPlan:
        return TrialPlan(
            phase="teacher",
            number=record.number,
            run=self.settings.run,
            teacher=settings_of(TeacherSettings, record.parameters),
        )

    def _best_teachers(self) -> list[TrialRecord]:
        """The best teachers, as many as the space allows, and the paper's beside them."""
        study = self.teacher_study()
        complete = [trial for trial in study.trials() if trial.state == "COMPLETE"]
        if not complete:
            reasons = {trial.reason for trial in study.trials() if trial.reason}
            raise UserError(f"no teacher was trained; the reasons given: {'; '.join(sorted(reasons)) or 'none'}")
        ranked = sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))
        chosen = ranked[: self.settings.space.teachers]
        return chosen + [trial for trial in complete if trial.original == 0 and trial not in chosen]

    # -- student phase

    def _student_study(self) -> PhaseStudy:
        ranks = tuple(range(len(self._teachers)))
        choice: Parameter = Choice(values=ranks) if len(ranks) > 1 else Fixed(value=0)
        papers = [rank for rank, trial in enumerate(self._teachers) if trial.original == 0]
        first = [{**dict(PAPER_STUDENT), "teacher": papers[0]}] if papers else []
        warm = [{**trial.parameters, "teacher": self._rank_of(trial)} for trial in self.settings.warm_start.students]
        return self._open(
            "student",
            {**self.settings.space.student, "teacher": choice},
            self.settings.trials,
            first=[*first, *warm],
            own={"teachers": [trial.number for trial in self._teachers]},
        )

    def _rank_of(self, student: WarmTrial) -> int:
        """The teacher with the parameters of the one that the student learned from; without it the best."""
        ranks = [rank for rank, trial in enumerate(self._teachers) if trial.parameters == student.teacher]
        return ranks[0] if ranks else 0

    def _student_plan(self, record: TrialRecord) -> TrialPlan:
        return TrialPlan(
            phase="student",
            number=record.number,
            run=self.settings.run,
            teacher=self._teacher_of(record),
            student=settings_of(StudentSettings, record.parameters),
        )

    def _teacher_of(self, record: TrialRecord) -> TeacherSettings:
        rank = record.parameters["teacher"]
        assert isinstance(rank, int)
        return settings_of(TeacherSettings, self._teachers[rank].parameters)

    # -- final phase

    def _rows(self, students: PhaseStudy) -> dict[str, Configuration]:
        best = students.best()
        if best is None:
            reasons = {trial.reason for trial in students.trials() if trial.reason}
            raise UserError(f"no student was trained; the reasons given: {'; '.join(sorted(reasons)) or 'none'}")
        found = Configuration(teacher=self._teacher_of(best), student=settings_of(StudentSettings, best.parameters))
        rows = {PAPER: PAPER_CONFIGURATION}
        return rows if found == PAPER_CONFIGURATION else {**rows, BEST: found}

    def _final_phase(self, rows: Mapping[str, Configuration]) -> None:
        execution, settings = self.execution, self.settings
        runs = FinalRuns(study=settings.name, rows=rows, run=settings.run, seeds=settings.seeds)
        study = runs.open(execution.conditions, execution.study_storage)
        scored = execution.scored()
        self._run("final", study, lambda record: runs.plan(record, scored))

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
        origins = [trial.origin for trial in trials if trial.parameters.items() <= record.parameters.items()]
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
        spare_the_papers: bool = False,
    ) -> None:
        if self.settings.retry_failed:
            self._retry_failed(name, study)
        papers = {0, *(trial.number for trial in study.trials() if trial.original == 0)}
        spared = frozenset(papers if spare_the_papers else ())
        self.execution.run(name, study, plan, self._label, spared=spared)


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
        first=[dict(PAPER_TEACHER), *(dict(trial.parameters) for trial in settings.warm_start.teachers)],
        # Compared here already: a student phase with other settings would refuse them hours later.
        own={
            "students": parameters_to_json(settings.space.student),
            "teachers": settings.space.teachers,
            **settings.warm_start.settings(),
        },
        settings=settings,
        conditions=conditions,
    )


def _definition(
    phase: str,
    space: Mapping[str, Parameter],
    *,
    first: list[dict[str, JSON]],
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
        "pruning": Pruning(epochs=run.epochs, grace=settings.grace, reduction=settings.reduction),
    }
