"""The figures of a search, from its recorded runs: history, parameters, importance, learning curves."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from msd_ray.search.parameters import JSON
from msd_ray.search.spaces import PAPER_STUDENT
from msd_ray.tracking.rows import RunRow, dev_metric_of
from msd_ray.tracking.study_reader import Curves, RecordedStudy

from .figures import FigureWithData
from .figures.curves import curves_figure
from .figures.history import SearchTrial, history_figure
from .figures.importance import importance_figure
from .figures.slices import ParameterAxis, slices_figure
from .importance import parameter_importance
from .run_figures import drawn


def search_figures(study: RecordedStudy, curves: Mapping[str, Curves], scope: str) -> tuple[FigureWithData, ...]:
    """Draw the figures of a search. curves: run id -> curves of the student phase's runs."""
    axes = [axis for axis in searched(study.parent.parameters, "student") if _is_known(axis.name, study)]
    trials = student_trials(study, curves, [axis.name for axis in axes])
    complete = [trial for trial in trials if trial.state == "COMPLETE" and trial.value is not None]
    importance = parameter_importance(
        [trial.parameters for trial in complete],
        [trial.value or 0.0 for trial in complete],
        log=[axis.name for axis in axes if axis.log],
    )
    return drawn(
        history_figure(trials, scope=scope),
        slices_figure(trials, axes, scope=scope),
        importance_figure(importance, trials=len(complete), scope=scope),
        curves_figure(trials, scope=scope),
    )


def searched(parameters: Mapping[str, str], model: Literal["teacher", "student"]) -> list[ParameterAxis]:
    """Return a model's searched parameters from the parent run's parameters, which hold the search space."""
    prefix = f"space.{model}."
    names = dict.fromkeys(
        name.removeprefix(prefix).split(".")[0]
        for name in parameters
        if name.startswith(prefix) and name.count(".") == prefix.count(".") + 1
    )
    return [ParameterAxis(name=name, log=parameters.get(f"{prefix}{name}.log") == "true") for name in names]


def student_trials(study: RecordedStudy, curves: Mapping[str, Curves], searched: Sequence[str]) -> list[SearchTrial]:
    """Return the finished trials of the student phase with their searched parameters."""
    dev_f1 = dev_metric_of(study.runs)
    return [_trial(run, curves.get(run.run_id, {}), searched, dev_f1) for run in _finished_students(study)]


def _finished_students(study: RecordedStudy) -> list[RunRow]:
    return [run for run in study.runs if run.phase == "student" and run.state is not None]


def _is_known(name: str, study: RecordedStudy) -> bool:
    """Return whether every trial has a value for a searched parameter, as the figures require."""
    return name in PAPER_STUDENT or all(f"student.{name}" in run.parameters for run in _finished_students(study))


def _trial(run: RunRow, curves: Curves, searched: Sequence[str], dev_f1: str) -> SearchTrial:
    assert run.state is not None
    own = {name: _recorded(run, name) for name in (*PAPER_STUDENT, *searched)}
    scores = [value for _, value in curves.get(dev_f1, ())]
    return SearchTrial(
        number=int(run.tags["trial"]),
        state=run.state,
        # The best epoch: the metric of a pruned trial is that of its last epoch.
        value=max(scores) if scores else run.metrics.get(dev_f1),
        parameters={name: own[name] for name in searched},
        paper=all(own[name] == value for name, value in PAPER_STUDENT.items()),
        reason=run.tags.get("reason"),
        curves=curves,
    )


def _recorded(run: RunRow, name: str) -> JSON:
    """Return a trial's value for a student's parameter; the paper's value if it was not recorded.

    The number of teachers is recorded without the student's prefix, and only if there are several. Parameters that
    earlier versions did not record always had the paper's value.
    """
    text = run.parameters.get(f"student.{name}", run.parameters.get(name))
    return PAPER_STUDENT[name] if text is None else _value(text)


def _value(text: str) -> JSON:
    """Parse a recorded parameter; text that is not JSON stays text."""
    try:
        value: JSON = json.loads(text)
    except ValueError:
        return text
    return value
