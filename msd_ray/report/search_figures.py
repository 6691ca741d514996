"""The figures of a search, from its recorded runs: history, parameters, their importance, learning curves."""

import json
from collections.abc import Mapping, Sequence

from msd_ray.search.parameters import JSON
from msd_ray.search.spaces import PAPER_STUDENT
from msd_ray.tracking.recorded import Curves, RecordedStudy
from msd_ray.tracking.rows import RunRow, dev_metric_of

from .figures import FigureWithData
from .figures.curves import curves_figure
from .figures.history import SearchTrial, history_figure
from .figures.importance import importance_figure
from .figures.parallel import ParameterAxis, parallel_figure
from .importance import parameter_importance

SPACE = "space.student."
"""How the parent run's parameters of the student's search space begin."""


def search_figures(study: RecordedStudy, curves: Mapping[str, Curves], scope: str) -> tuple[FigureWithData, ...]:
    """The figures of a search. curves: by run id, of the runs of the student phase."""
    axes = [axis for axis in searched(study.parent.parameters) if _is_known(axis.name, study)]
    trials = student_trials(study, curves, [axis.name for axis in axes])
    complete = [trial for trial in trials if trial.state == "COMPLETE" and trial.value is not None]
    importance = parameter_importance(
        [trial.parameters for trial in complete],
        [trial.value or 0.0 for trial in complete],
        log=[axis.name for axis in axes if axis.log],
    )
    return (
        history_figure(trials, scope=scope),
        parallel_figure(trials, axes, scope=scope),
        importance_figure(importance, trials=len(complete), scope=scope),
        curves_figure(trials, scope=scope),
    )


def searched(parameters: Mapping[str, str]) -> list[ParameterAxis]:
    """The student's searched parameters, from the parent run's record of the space."""
    names = dict.fromkeys(
        name.removeprefix(SPACE).split(".")[0]
        for name in parameters
        if name.startswith(SPACE) and name.count(".") == SPACE.count(".") + 1
    )
    return [ParameterAxis(name=name, log=parameters.get(f"{SPACE}{name}.log") == "true") for name in names]


def student_trials(study: RecordedStudy, curves: Mapping[str, Curves], searched: Sequence[str]) -> list[SearchTrial]:
    """The finished trials of the student phase, with the parameters that were searched."""
    dev_f1 = dev_metric_of(study.runs)
    return [_trial(run, curves.get(run.run_id, {}), searched, dev_f1) for run in _finished_students(study)]


def _finished_students(study: RecordedStudy) -> list[RunRow]:
    return [run for run in study.runs if run.phase == "student" and run.state is not None]


def _is_known(name: str, study: RecordedStudy) -> bool:
    """Whether every trial has a value of a searched parameter, which a figure of all trials needs."""
    return name in PAPER_STUDENT or all(f"student.{name}" in run.parameters for run in _finished_students(study))


def _trial(run: RunRow, curves: Curves, searched: Sequence[str], dev_f1: str) -> SearchTrial:
    assert run.state is not None
    own = {name: _recorded(run, name) for name in (*PAPER_STUDENT, *searched)}
    scores = [value for _, value in curves.get(dev_f1, ())]
    return SearchTrial(
        number=int(run.tags["trial"]),
        state=run.state,
        # An early-stopped trial's best epoch, for its newest is not the one that counts.
        value=max(scores) if scores else run.metrics.get(dev_f1),
        parameters={name: own[name] for name in searched},
        paper=all(own[name] == value for name, value in PAPER_STUDENT.items()),
        reason=run.tags.get("reason"),
        curves=curves,
    )


def _recorded(run: RunRow, name: str) -> JSON:
    """A trial's value of a student's parameter; of one that was not recorded, the paper's.

    A trial records the number of its teachers beside the student's parameters, and only where there are several. What
    a study of an earlier version did not record, it had no other value of than the paper's.
    """
    text = run.parameters.get(f"student.{name}", run.parameters.get(name))
    return PAPER_STUDENT[name] if text is None else _value(text)


def _value(text: str) -> JSON:
    """A recorded parameter: a number where it is one."""
    try:
        value: JSON = json.loads(text)
    except ValueError:
        return text
    return value
