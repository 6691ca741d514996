"""Parallel coordinates: the trials' parameters, coloured by dev F1.

Axes are horizontal and stacked, so that they and their ticks are readable on a phone. Trials are ordinary lines, which
allow hover text and dashes and need no WebGL.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from msd_ray.search.parameters import JSON

from .figure import LEGEND_HEIGHT, FigureWithData, empty, finish
from .history import SYMBOLS, SearchTrial, best_trial, hover
from .text import label, number, parameter_label, percent
from .theme import NEUTRAL, SEQUENTIAL

_ROW_HEIGHT = 84  # pixels from one axis to the next


@dataclass(frozen=True, kw_only=True)
class ParameterAxis:
    """A searched parameter. log: whether it was searched on a log scale."""

    name: str
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """An axis: positions of the values on it (0..1), and its ticks as (position, text)."""

    title: str
    places: Mapping[int, float]  # trial number -> place
    ticks: Sequence[tuple[float, str]]


def parallel_figure(
    trials: Sequence[SearchTrial], parameters: Sequence[ParameterAxis], *, scope: str = ""
) -> FigureWithData:
    """Draw an axis per parameter and one for dev F1, a line per scored trial; the best and the paper's are highlighted.

    Raises:
        ValueError: a trial has no value for a parameter, or a value on a log axis is not positive.
    """
    title = "Parameters and dev F1 of the trials"
    columns = ("trial", "state", "best dev F1 (%)", *(parameter_label(each.name) for each in parameters))
    scored = sorted((trial for trial in trials if trial.value is not None), key=lambda trial: trial.number)
    if not scored or not parameters:
        message = "No trial has a score." if parameters else "Nothing was searched: every parameter is fixed."
        return empty(title=title, scope=scope, message=message, columns=columns)
    values = {trial.number: 100 * (trial.value or 0.0) for trial in scored}
    axes = [_axis(each, scored) for each in parameters]
    axes.append(_numeric("best dev F1 (%)", values, log=False, text=lambda value: f"{value:.2f}"))
    figure = go.Figure(_coloured_axis(1 - len(axes)))
    best = best_trial(scored)
    # The best on top; poor trials below good ones.
    for trial in sorted(scored, key=lambda each: (each is best, each.paper, values[each.number])):
        figure.add_trace(_line(trial, axes, colour=_colour(values[trial.number], values.values()), best=trial is best))
    names = _add_legend(figure, scored, best)
    _draw_axes(figure, axes)
    # Visible although empty: with invisible axes, Plotly shifts lines and annotations differently for the margins.
    bare = {"title_text": "", "showticklabels": False, "showgrid": False, "zeroline": False}
    figure.update_xaxes(range=[-0.06, 1.06], **bare)
    figure.update_yaxes(range=[-len(axes) + 0.35, 0.5], **bare)
    finish(figure, title=title, scope=scope, height=_ROW_HEIGHT * len(axes) + 70 + LEGEND_HEIGHT * names)
    rows = [
        (str(t.number), t.state, percent(t.value), *(number(t.parameters[each.name]) for each in parameters))
        for t in scored
    ]
    alt = f"One line for each of {len(scored)} trials through {len(parameters)} parameters to its dev F1."
    if best is not None:
        settings = ", ".join(f"{parameter_label(p.name)} {number(best.parameters[p.name])}" for p in parameters)
        alt += f" The best, trial {best.number} with {percent(best.value)} %, has {settings}."
    return FigureWithData.of(figure, title=title, scope=scope, alt=alt, columns=columns, rows=rows)


def _axis(parameter: ParameterAxis, trials: Sequence[SearchTrial]) -> _Axis:
    title = label(parameter_label(parameter.name)) + (" (log)" if parameter.log else "")
    if missing := [trial.number for trial in trials if parameter.name not in trial.parameters]:
        raise ValueError(f"{parameter.name}: trials {missing} have no value")
    values = {trial.number: trial.parameters[parameter.name] for trial in trials}
    # bool is a subclass of int.
    numbers = {
        key: float(value)
        for key, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    if len(numbers) < len(values):
        return _categories(title, values)
    if parameter.log and min(numbers.values()) <= 0:
        raise ValueError(f"{parameter.name}: expected positive values on a log axis, found {min(numbers.values())}")
    return _numeric(title, numbers, log=parameter.log, text=lambda value: f"{value:.3g}")


def _categories(title: str, values: Mapping[int, JSON]) -> _Axis:
    names = sorted({str(value) for value in values.values()})
    places = {name: index / max(len(names) - 1, 1) for index, name in enumerate(names)}
    return _Axis(
        title=title,
        places={key: places[str(value)] for key, value in values.items()},
        ticks=[(place, label(name, limit=12)) for name, place in places.items()],
    )


def _numeric(title: str, values: Mapping[int, float], *, log: bool, text: Callable[[float], str]) -> _Axis:
    """Return an axis from the smallest to the largest value, with ticks at both and, if log, at powers of ten."""
    scale = math.log10 if log else float
    low, high = min(values.values()), max(values.values())
    start, width = scale(low), scale(high) - scale(low)
    if width <= 0:
        return _Axis(title=title, places=dict.fromkeys(values, 0.5), ticks=[(0.5, text(low))])

    def place(value: float) -> float:
        return (scale(value) - start) / width

    between = (
        [10.0**power for power in range(math.ceil(start), math.floor(start + width) + 1)] if log else [(low + high) / 2]
    )
    ticks = [(0.0, text(low)), *((place(value), text(value)) for value in between), (1.0, text(high))]
    # Ticks that would overlap those at the ends are left out.
    shown = [tick for tick in ticks if tick[0] in (0.0, 1.0) or 0.15 < tick[0] < 0.85]
    return _Axis(
        title=title, places={key: place(value) for key, value in values.items()}, ticks=list(dict.fromkeys(shown))
    )


def _colour(value: float, values: Collection[float]) -> str:
    low, high = min(values), max(values)
    share = (value - low) / (high - low) if high > low else 1.0
    colour: str = sample_colorscale([list(stop) for stop in SEQUENTIAL], [share])[0]
    return colour


def _line(trial: SearchTrial, axes: Sequence[_Axis], *, colour: str, best: bool) -> Any:
    return go.Scatter(
        x=[axis.places[trial.number] for axis in axes],
        y=[-index for index in range(len(axes))],
        mode="lines+markers",
        line={"color": colour, "width": 4 if best else 2.5 if trial.paper else 1.2, "dash": _dash(trial)},
        marker={"symbol": SYMBOLS[trial.state], "size": 11 if best else 8 if trial.paper else 5, "color": colour},
        opacity=1.0 if best or trial.paper else 0.8,
        showlegend=False,
        hovertext=hover(trial),
        hoverinfo="text",
    )


def _dash(trial: SearchTrial) -> str:
    return "dash" if trial.paper else "dot" if trial.state == "PRUNED" else "solid"


def _add_legend(figure: Any, trials: Sequence[SearchTrial], best: SearchTrial | None) -> int:
    """Add legend entries for the line styles in use and return their number."""
    kinds: dict[str, tuple[str, str, float]] = {}  # name -> dash, symbol, width
    for trial in trials:
        kinds[trial.state] = ("dot" if trial.state == "PRUNED" else "solid", SYMBOLS[trial.state], 1.2)
    if any(trial.paper for trial in trials):
        kinds["paper's configuration"] = ("dash", "circle", 2.5)
    if best is not None:
        kinds[f"best: trial {best.number}"] = (_dash(best), "circle", 4)
    for name, (dash, symbol, width) in kinds.items():
        line = {
            "color": SEQUENTIAL[-1][1] if name.startswith("best") else SEQUENTIAL[1][1],
            "width": width,
            "dash": dash,
        }
        figure.add_scatter(x=[None], y=[None], mode="lines+markers", name=name, line=line, marker={"symbol": symbol})
    return len(kinds)


def _coloured_axis(y: int) -> Any:
    """Return the thick axis of dev F1 in the colours of the lines, as their legend."""
    places = [step / 160 for step in range(161)]
    return go.Scatter(
        x=places,
        y=[y] * len(places),
        mode="markers",
        marker={"symbol": "square", "size": 9, "color": places, "colorscale": [list(stop) for stop in SEQUENTIAL]},
        showlegend=False,
        hoverinfo="skip",
    )


def _draw_axes(figure: Any, axes: Sequence[_Axis]) -> None:
    """Draw a grey line for each axis with its title above and its ticks below."""
    for index, axis in enumerate(axes):
        figure.add_shape(
            type="line", x0=0, x1=1, y0=-index, y1=-index, line={"width": 1, "color": NEUTRAL}, layer="below"
        )
        figure.add_annotation(
            x=0, y=-index, text=f"<b>{axis.title}</b>", showarrow=False, xanchor="left", yanchor="bottom", yshift=6
        )
        for place, text in axis.ticks:
            side = "left" if place < 0.02 else "right" if place > 0.98 else "center"
            figure.add_annotation(
                x=place, y=-index, text=text, showarrow=False, xanchor=side, yanchor="top", yshift=-5, font={"size": 11}
            )
