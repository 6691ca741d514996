"""Warm starts: a new study tries the best configurations of other studies right after the paper's.

What is taken is taken once, when the new study begins, and stored among its settings: its proposals stay a function
of the seed, the number and the earlier trials, whatever becomes of the studies that it was taken from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest

from msd_ray.common.errors import UserError

from .parameters import JSON, Fixed, Parameter
from .spaces import PAPER_STUDENT, PAPER_TEACHER, SearchSpace
from .studies import StoredStudy, TrialRecord, read_study, study_names

_LISTED = 20  # studies that a message names


@dataclass(frozen=True, kw_only=True)
class WarmTrial:
    """A trial of another study. origin: `STUDY/student/NUMBER`. value: its dev F1 there, 0..1."""

    origin: str
    value: float
    parameters: Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """What a study begins with. studies: where it is from. trials: how many of each study and phase, at most.

    teachers, students: best first, of several studies the best of each before the second best of any.
    """

    studies: tuple[str, ...] = ()
    trials: int = 0
    teachers: tuple[WarmTrial, ...] = ()
    students: tuple[WarmTrial, ...] = ()

    def asked(self) -> dict[str, JSON]:
        """What the user asked for, as settings; empty without a warm start."""
        return {"warm_start": {"studies": list(self.studies), "trials": self.trials}} if self.studies else {}

    def settings(self) -> dict[str, JSON]:
        """All of it, as settings of the study; `as_begun` reads the trials back."""
        taken: dict[str, JSON] = {
            name: [asdict(trial) for trial in trials]
            for name, trials in (("teachers", self.teachers), ("students", self.students))
            if trials
        }
        return {**self.asked(), **({"warm_trials": taken} if taken else {})}


NO_WARM_START = WarmStart()


def warm_start(storage_url: str, name: str, *, studies: Sequence[str], trials: int, space: SearchSpace) -> WarmStart:
    """The warm start of the study `name`: what it began with if it is there, else taken from `studies` now.

    A study that is there with another warm start comes with the difference, which opening it will refuse.

    Args:
        storage_url: the database of all these studies.
        name: the new study.
        studies: names of studies, without their phases.
        trials: how many configurations to take of each study and phase, at most.
        space: the new study's; teachers are taken where it searches them.

    Raises:
        UserError: a study is not there, has no finished student, or knows hyperparameters that are none now.
    """
    if not studies:
        return NO_WARM_START
    if name in studies:
        raise UserError(f"--warm-start {name} is the study that shall begin; name another one, or give another --name")
    asked = WarmStart(studies=tuple(studies), trials=trials)
    if read_study(storage_url, f"{name}/teacher") is not None:
        return as_begun(asked, storage_url, name)
    taken = [_students(storage_url, study, trials, space) for study in studies]
    searched = not all(isinstance(parameter, Fixed) for parameter in space.teacher.values())
    taught = [_teachers(storage_url, study, trials, space) for study in studies] if searched else []
    return replace(asked, teachers=_in_turn(taught), students=_in_turn(taken))


def as_begun(asked: WarmStart, storage_url: str, name: str) -> WarmStart:
    """What was asked for, with the trials that the study `name` began with, if it is there.

    Compared with what the study was asked for when it began, the difference is then in the asking alone.
    """
    study = read_study(storage_url, f"{name}/teacher")
    taken = {} if study is None else study.settings.get("warm_trials", {})
    assert isinstance(taken, dict)

    def trials(phase: str) -> tuple[WarmTrial, ...]:
        stored = taken.get(phase, [])
        assert isinstance(stored, list)
        return tuple(WarmTrial(**trial) for trial in stored)  # type: ignore[arg-type]

    return replace(asked, teachers=trials("teachers"), students=trials("students"))


def _students(storage_url: str, name: str, count: int, space: SearchSpace) -> list[WarmTrial]:
    study = read_study(storage_url, f"{name}/student")
    finished = [] if study is None else _finished(study)
    if study is None or not finished:
        state = "is not there" if study is None else "has no finished student trial"
        raise UserError(f"--warm-start {name}: this study {state}; {_there(storage_url)}")
    return [
        WarmTrial(
            origin=f"{name}/student/{trial.number}",
            value=trial.value or 0.0,
            parameters=_known(f"{name}/student", trial.parameters, space.student),
        )
        for trial in _best(finished, PAPER_STUDENT, count)
    ]


def _teachers(storage_url: str, name: str, count: int, space: SearchSpace) -> list[WarmTrial]:
    study = read_study(storage_url, f"{name}/teacher")
    return [
        WarmTrial(
            origin=f"{name}/teacher/{trial.number}",
            value=trial.value or 0.0,
            parameters=_known(f"{name}/teacher", trial.parameters, space.teacher),
        )
        for trial in _best([] if study is None else _finished(study), PAPER_TEACHER, count)
    ]


def _finished(study: StoredStudy) -> list[TrialRecord]:
    return [trial for trial in study.trials if trial.state == "COMPLETE" and trial.value is not None]


def _best(trials: Sequence[TrialRecord], paper: Mapping[str, JSON], count: int) -> list[TrialRecord]:
    """The best trials of distinct parameters; the paper's are left out: they are tried first in any case."""
    seen: list[Mapping[str, JSON]] = [dict(paper)]
    chosen: list[TrialRecord] = []
    for trial in sorted(trials, key=lambda trial: (-(trial.value or 0.0), trial.number)):
        if trial.parameters not in seen and len(chosen) < count:
            seen.append(trial.parameters)
            chosen.append(trial)
    return chosen


def _known(study: str, parameters: dict[str, JSON], space: Mapping[str, Parameter]) -> dict[str, JSON]:
    if unknown := sorted(parameters.keys() - space.keys()):
        raise UserError(f"--warm-start: the study {study} has hyperparameters that are none here: {', '.join(unknown)}")
    return parameters


def _in_turn(trials: Sequence[Sequence[WarmTrial]]) -> tuple[WarmTrial, ...]:
    """The first of each, the second of each, ..., each parameters once."""
    chosen: list[WarmTrial] = []
    for rank in zip_longest(*trials):
        for trial in rank:
            if trial is not None and all(trial.parameters != other.parameters for other in chosen):
                chosen.append(trial)
    return tuple(chosen)


def _there(storage_url: str) -> str:
    """Which studies could be named instead."""
    names = []
    for name in study_names(storage_url):
        study = read_study(storage_url, name) if name.endswith("/student") else None
        if study is not None and _finished(study):
            names.append(name.removesuffix("/student"))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"studies with finished students are there: {', '.join(names[:_LISTED]) or 'none'}{more}"
