"""SearchTrial, and the history of a search: every trial's best dev F1 by number, and the best so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import plotly.graph_objects as go

from msd_ray.search.parameters import JSON
from msd_ray.tracking.rows import State

from .figure import F1_RANGE, FigureWithData, finish
from .text import label, number, parameter_label, percent
from .theme import NEUTRAL, row_style

SYMBOLS: Mapping[State, str] = {"COMPLETE": "circle", "PRUNED": "triangle-down-open", "FAIL": "x"}
"""Symbol of each trial state."""

Curve = tuple[tuple[int, float], ...]
"""(epoch, value) pairs, epochs ascending."""
_COLUMNS = ("trial", "state", "best dev F1 (%)", "best so far (%)", "paper's configuration", "reason")
PAPER, BEST = "paper's configuration", "best trial"
"""Names of the highlighted trials in legends."""


@dataclass(frozen=True, kw_only=True)
class SearchTrial:
    """A finished student trial.

    value: best dev F1 (0..1), None without a score, as for most failed trials. paper: whether it has the paper's
    configuration. reason: why it failed. curves: metric name -> values over epochs.
    """

    number: int
    state: State
    value: float | None
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    paper: bool = False
    reason: str | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)


def best_trial(trials: Sequence[SearchTrial]) -> SearchTrial | None:
    """Return the COMPLETE trial with the highest value; of equal ones the first, as the search selects."""
    complete = [trial for trial in trials if trial.state == "COMPLETE" and trial.value is not None]
    return max(complete, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)


def history_figure(trials: Sequence[SearchTrial], *, scope: str = "") -> FigureWithData | None:
    """Draw one point per trial, with a symbol for its state; trials without a score are at 0. None without trials.

    The best so far is over COMPLETE trials, among which the search selects.
    """
    title = "Best dev F1 of every trial"
    if not trials:
        return None
    trials = sorted(trials, key=lambda trial: trial.number)
    running = _best_so_far(trials)
    figure = go.Figure(_line(trials, running))
    for state in get_args(State):
        if of_state := [trial for trial in trials if trial.state == state]:
            figure.add_trace(_points(of_state, state))
    for row, name, chosen in (("paper", PAPER, [t for t in trials if t.paper]), ("best", BEST, _best(trials))):
        if chosen:
            figure.add_trace(_rings(chosen, row, name))
    figure.update_xaxes(title_text="trial (number)", tickformat="d", dtick=1 if len(trials) <= 12 else None)
    figure.update_yaxes(title_text="best dev F1 (%)")
    figure.update_yaxes(range=F1_RANGE)
    finish(figure, height=340)
    rows = [
        (
            str(trial.number),
            trial.state,
            percent(trial.value),
            percent(so_far, missing=""),
            "yes" if trial.paper else "",
            trial.reason or "",
        )
        for trial, so_far in zip(trials, running, strict=True)
    ]
    return FigureWithData.of(figure, title=title, scope=scope, alt=_alt(trials), columns=_COLUMNS, rows=rows)


def _best_so_far(trials: Sequence[SearchTrial]) -> list[float | None]:
    found: list[float | None] = []
    best: float | None = None
    for trial in trials:
        if trial.state == "COMPLETE" and trial.value is not None:
            best = trial.value if best is None else max(best, trial.value)
        found.append(best)
    return found


def _line(trials: Sequence[SearchTrial], running: Sequence[float | None]) -> Any:
    return go.Scatter(
        x=[trial.number for trial in trials],
        y=[None if value is None else 100 * value for value in running],
        mode="lines",
        line={"shape": "hv", "width": 2, "color": row_style("best").colour},
        name="best so far",
        hoverinfo="skip",
    )


def _points(trials: Sequence[SearchTrial], state: State) -> Any:
    return go.Scatter(
        x=[trial.number for trial in trials],
        y=[100 * (trial.value or 0.0) for trial in trials],
        mode="markers",
        marker={
            "symbol": SYMBOLS[state],
            "size": 9,
            "color": NEUTRAL,
            "line": {"width": 1.5, "color": NEUTRAL},
        },
        name=state,
        hovertext=[hover(trial) for trial in trials],
        hoverinfo="text",
    )


def _best(trials: Sequence[SearchTrial]) -> list[SearchTrial]:
    best = best_trial(trials)
    return [] if best is None else [best]


def _rings(trials: Sequence[SearchTrial], row: str, name: str) -> Any:
    return go.Scatter(
        x=[trial.number for trial in trials],
        y=[100 * (trial.value or 0.0) for trial in trials],
        mode="markers",
        marker={"symbol": "circle-open", "size": 18, "color": row_style(row).colour, "line": {"width": 2.5}},
        name=name,
        hoverinfo="skip",
    )


def hover(trial: SearchTrial) -> str:
    """Return a trial's hover text: number, state, score, parameters, reason of failure."""
    lines = [f"<b>trial {trial.number}</b>, {trial.state}" + (", the paper's configuration" if trial.paper else "")]
    lines.append(f"best dev F1 {percent(trial.value)}" + ("" if trial.value is None else " %"))
    lines += [f"{label(parameter_label(name))} {label(number(value))}" for name, value in trial.parameters.items()]
    if trial.reason:
        lines.append(f"failed: {label(trial.reason, limit=60)}")
    return "<br>".join(lines)


def _alt(trials: Sequence[SearchTrial]) -> str:
    counts = {state: sum(trial.state == state for trial in trials) for state in get_args(State)}
    states = f"{counts['COMPLETE']} complete, {counts['PRUNED']} pruned, {counts['FAIL']} failed"
    best = best_trial(trials)
    found = "no trial has a score" if best is None else f"the best is trial {best.number} with {percent(best.value)} %"
    paper = [
        f"the paper's configuration has {percent(t.value)}" + ("" if t.value is None else " %")
        for t in trials
        if t.paper
    ]
    return f"Best dev F1 of {len(trials)} trials by number ({states}): {'; '.join([found, *paper[:1]])}."
