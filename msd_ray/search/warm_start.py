"""Warm starts: a new study tries the best configurations of other studies right after the paper's.

The configurations are copied when the new study is created and stored in its settings. So its proposals depend only on
the seed, the number and the earlier trials, even if the other studies change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest

from msd_ray.common.errors import UserError

from .parameters import JSON, Fixed, Parameter
from .spaces import PAPER_STUDENT, PAPER_TEACHER, SearchSpace
from .studies import StoredStudy, TrialRecord, read_study, study_names

_LISTED = 20  # maximum number of studies in a message


@dataclass(frozen=True, kw_only=True)
class WarmTrial:
    """A trial of another study.

    Args:
        origin: `STUDY/student/NUMBER`.
        value: its dev F1 there, 0..1.
        parameters: its hyperparameters.
    """

    origin: str
    value: float
    parameters: Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """Trials of other studies that a study starts with.

    Args:
        studies: names of the other studies.
        trials: maximum number of trials per study and phase.
        teachers: best first; with several studies, the best of each before the second best of any.
        students: likewise.
    """

    studies: tuple[str, ...] = ()
    trials: int = 0
    teachers: tuple[WarmTrial, ...] = ()
    students: tuple[WarmTrial, ...] = ()

    def requested(self) -> dict[str, JSON]:
        """The user's request as settings; empty without a warm start."""
        return {"warm_start": {"studies": list(self.studies), "trials": self.trials}} if self.studies else {}

    def settings(self) -> dict[str, JSON]:
        """Request and trials as settings of the study; `as_stored` reads the trials back."""
        taken: dict[str, JSON] = {
            name: [asdict(trial) for trial in trials]
            for name, trials in (("teachers", self.teachers), ("students", self.students))
            if trials
        }
        return {**self.requested(), **({"warm_trials": taken} if taken else {})}


NO_WARM_START = WarmStart()


def warm_start(storage_url: str, name: str, *, studies: Sequence[str], trials: int, space: SearchSpace) -> WarmStart:
    """The warm start of the study `name`: the stored one if the study exists, else taken from `studies` now.

    If the study exists with another warm start, the result differs from its settings, and opening it fails.

    Args:
        storage_url: database of all these studies.
        name: name of the new study.
        studies: names of studies, without their phases.
        trials: maximum number of configurations per study and phase.
        space: search space of the new study; teachers are taken if it searches them.

    Raises:
        UserError: a study does not exist, has no finished student, or has hyperparameters that `space` does not define.
    """
    if not studies:
        return NO_WARM_START
    if name in studies:
        raise UserError(f"--warm-start {name}: is the new study itself. Name another study, or change --name.")
    request = WarmStart(studies=tuple(studies), trials=trials)
    if read_study(storage_url, f"{name}/teacher") is not None:
        return as_stored(request, storage_url, name)
    taken = [_students(storage_url, study, trials, space) for study in studies]
    searched = not all(isinstance(parameter, Fixed) for parameter in space.teacher.values())
    taught = [_teachers(storage_url, study, trials, space) for study in studies] if searched else []
    return replace(request, teachers=_interleaved(taught), students=_interleaved(taken))


def as_stored(request: WarmStart, storage_url: str, name: str) -> WarmStart:
    """The request with the trials that the study `name` stores, if it exists.

    So a comparison with the study's settings reports a difference in the request only.
    """
    study = read_study(storage_url, f"{name}/teacher")
    taken = {} if study is None else study.settings.get("warm_trials", {})
    assert isinstance(taken, dict)

    def trials(phase: str) -> tuple[WarmTrial, ...]:
        stored = taken.get(phase, [])
        assert isinstance(stored, list)
        return tuple(WarmTrial(**trial) for trial in stored)  # type: ignore[arg-type]

    return replace(request, teachers=trials("teachers"), students=trials("students"))


def _students(storage_url: str, name: str, count: int, space: SearchSpace) -> list[WarmTrial]:
    study = read_study(storage_url, f"{name}/student")
    finished = [] if study is None else _finished(study)
    if study is None or not finished:
        state = "does not exist" if study is None else "has no finished student trial"
        raise UserError(f"--warm-start {name}: this study {state}. {_available(storage_url)}")
    return [
        WarmTrial(
            origin=f"{name}/student/{trial.number}",
            value=trial.value or 0.0,
            parameters=_checked(f"{name}/student", trial.parameters, space.student),
        )
        for trial in _best(finished, PAPER_STUDENT, count)
    ]


def _teachers(storage_url: str, name: str, count: int, space: SearchSpace) -> list[WarmTrial]:
    study = read_study(storage_url, f"{name}/teacher")
    return [
        WarmTrial(
            origin=f"{name}/teacher/{trial.number}",
            value=trial.value or 0.0,
            parameters=_checked(f"{name}/teacher", trial.parameters, space.teacher),
        )
        for trial in _best([] if study is None else _finished(study), PAPER_TEACHER, count)
    ]


def _finished(study: StoredStudy) -> list[TrialRecord]:
    return [trial for trial in study.trials if trial.state == "COMPLETE" and trial.value is not None]


def _best(trials: Sequence[TrialRecord], paper: Mapping[str, JSON], count: int) -> list[TrialRecord]:
    """The best trials with distinct parameters, without the paper's, which is tried first anyway."""
    seen: list[Mapping[str, JSON]] = [dict(paper)]
    chosen: list[TrialRecord] = []
    for trial in sorted(trials, key=lambda trial: (-(trial.value or 0.0), trial.number)):
        if trial.parameters not in seen and len(chosen) < count:
            seen.append(trial.parameters)
            chosen.append(trial)
    return chosen


def _checked(study: str, parameters: dict[str, JSON], space: Mapping[str, Parameter]) -> dict[str, JSON]:
    if unknown := sorted(parameters.keys() - space.keys()):
        raise UserError(
            f"--warm-start: study {study} has hyperparameters that this space does not define: {', '.join(unknown)}. "
            "Choose another study or --space."
        )
    return parameters


def _interleaved(trials: Sequence[Sequence[WarmTrial]]) -> tuple[WarmTrial, ...]:
    """The first of each, then the second of each, and so on, without repeated parameters."""
    chosen: list[WarmTrial] = []
    for rank in zip_longest(*trials):
        for trial in rank:
            if trial is not None and all(trial.parameters != other.parameters for other in chosen):
                chosen.append(trial)
    return tuple(chosen)


def _available(storage_url: str) -> str:
    """The studies that could be named instead."""
    names = []
    for name in study_names(storage_url):
        study = read_study(storage_url, name) if name.endswith("/student") else None
        if study is not None and _finished(study):
            names.append(name.removesuffix("/student"))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"Studies with finished students: {', '.join(names[:_LISTED]) or 'none'}{more}."
