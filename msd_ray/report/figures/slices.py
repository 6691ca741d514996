"""dev F1 by the value of each searched parameter: one panel per parameter, one point per trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from msd_ray.search.parameters import JSON

from .figure import F1_RANGE, FigureWithData
from .history import BEST, PAPER, SYMBOLS, SearchTrial, best_trial, hover
from .panels import finish_panels, panels
from .text import label, number, parameter_label, percent
from .theme import NEUTRAL, row_style


@dataclass(frozen=True, kw_only=True)
class ParameterAxis:
    """A searched parameter. log: whether it was searched on a log scale."""

    name: str
    log: bool = False


def slices_figure(
    trials: Sequence[SearchTrial], parameters: Sequence[ParameterAxis], *, scope: str = ""
) -> FigureWithData | None:
    """Draw dev F1 over each parameter; the best trial and the paper's configuration are highlighted.

    Returns: None if no trial has a score or nothing was searched.
    Raises:
        ValueError: a trial has no value for a parameter, or a value on a log axis is not positive.
    """
    scored = sorted((trial for trial in trials if trial.value is not None), key=lambda trial: trial.number)
    if not scored or not parameters:
        return None
    for each in parameters:
        _check(each, scored)
    best = best_trial(scored)
    groups: dict[str, list[SearchTrial]] = {}
    for trial in scored:
        groups.setdefault(BEST if trial is best else PAPER if trial.paper else "other trials", []).append(trial)
    figure = panels([parameter_label(each.name) + (" (log)" if each.log else "") for each in parameters])
    for panel, each in enumerate(parameters, start=1):
        for name, members in groups.items():
            figure.add_trace(_points(each.name, name, members, in_legend=panel == 1), row=panel, col=1)
        figure.update_xaxes(**_axis(each, scored), row=panel, col=1)
    figure.update_yaxes(title_text="dev F1 (%)", range=F1_RANGE)
    finish_panels(figure, count=len(parameters), panel_height=200, columns=3, legend=list(groups))
    alt = f"Points of {len(scored)} trials: dev F1 over each of {len(parameters)} parameters."
    if best is not None:
        settings = ", ".join(f"{parameter_label(p.name)} {number(best.parameters[p.name])}" for p in parameters)
        alt += f" The best, trial {best.number} with {percent(best.value)} %, has {settings}."
    return FigureWithData.of(
        figure,
        title="Dev F1 by parameter",
        scope=scope,
        alt=alt,
        columns=("trial", "state", "best dev F1 (%)", *(parameter_label(each.name) for each in parameters)),
        rows=[
            (str(t.number), t.state, percent(t.value), *(number(t.parameters[each.name]) for each in parameters))
            for t in scored
        ],
    )


def _check(parameter: ParameterAxis, trials: Sequence[SearchTrial]) -> None:
    if missing := [trial.number for trial in trials if parameter.name not in trial.parameters]:
        raise ValueError(f"{parameter.name}: trials {missing} have no value")
    values = [trial.parameters[parameter.name] for trial in trials]
    if parameter.log and not all(isinstance(value, int | float) and value > 0 for value in values):
        raise ValueError(f"{parameter.name}: expected positive values on a log axis, found {values}")


def _axis(parameter: ParameterAxis, trials: Sequence[SearchTrial]) -> Mapping[str, Any]:
    """Return a numeric axis, or one of categories in alphabetical order; the panel's title names the parameter."""
    values = [trial.parameters[parameter.name] for trial in trials]
    numbers = [float(value) for value in values if isinstance(value, int | float) and _is_number(value)]
    if len(numbers) < len(values):
        names = sorted({_text(value) for value in values})
        return {"type": "category", "categoryarray": names, "range": [-0.5, len(names) - 0.5]}
    if not parameter.log:
        return {"nticks": 4}
    ticks = _log_ticks(min(numbers), max(numbers))
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _log_ticks(low: float, high: float) -> list[float]:
    """Return two to four round numbers between the ends, which fit a narrow panel; else the ends, rounded."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,), (1, 1.5, 2, 3, 4, 6, 8)):
        ticks = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        within = [tick for tick in ticks if 0.999 * low <= tick <= 1.001 * high]
        if 2 <= len(within) <= 4:
            return within
    return sorted({float(f"{low:.2g}"), float(f"{high:.2g}")})


def _points(name: str, group: str, trials: Sequence[SearchTrial], *, in_legend: bool) -> Any:
    values = [trial.parameters[name] for trial in trials]
    colour = {BEST: row_style("best").colour, PAPER: row_style("paper").colour}.get(group, NEUTRAL)
    return go.Scatter(
        x=[value if _is_number(value) else _text(value) for value in values],
        y=[100 * (trial.value or 0.0) for trial in trials],
        mode="markers",
        name=group,
        legendgroup=group,
        showlegend=in_legend,
        marker={
            "size": 10 if group in (BEST, PAPER) else 8,
            "color": colour,
            "symbol": [SYMBOLS[t.state] for t in trials],
        },
        hovertext=[hover(trial) for trial in trials],
        hoverinfo="text",
    )


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)  # bool is a subclass of int


def _text(value: JSON) -> str:
    return label(str(value), limit=12)
