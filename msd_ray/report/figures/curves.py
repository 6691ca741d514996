"""Learning curves of all trials: dev F1 and losses over epochs."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from .figure import F1_RANGE, FigureWithData
from .history import BEST, PAPER, SYMBOLS, Curve, SearchTrial, best_trial
from .panels import finish_panels, panels
from .text import number, percent
from .theme import NEUTRAL, row_style

_SHARES = {"dev_target/f1": "dev F1, target language", "dev_source/f1": "dev F1, source language"}
_LOSSES = {
    "loss/total": "loss, total (Eq. 15)",
    "loss/main": "distillation loss, main channel (Eq. 11)",
    "loss/mmd_model": "MMD², models (Eq. 13)",
    "loss/mmd_language": "MMD², languages (Eq. 14)",
}
METRICS = (*_SHARES, *_LOSSES)
"""Metrics with a panel, if the trials recorded them."""

_COLUMNS = ("trial", "state", "metric", "epoch", "value")
_LOOKS: dict[str, dict[str, Any]] = {  # line and opacity per group of trials
    "COMPLETE": {"line": {"color": NEUTRAL, "width": 1}, "opacity": 0.6},
    "PRUNED": {"line": {"color": NEUTRAL, "width": 1, "dash": "dot"}, "opacity": 0.7},
    "FAIL": {"line": {"color": NEUTRAL, "width": 1, "dash": "dash"}, "opacity": 0.8},
    PAPER: {"line": {"color": row_style("paper").colour, "width": 2.5, "dash": "dash"}},
    BEST: {"line": {"color": row_style("best").colour, "width": 3}},
}


def curves_figure(trials: Sequence[SearchTrial], *, scope: str = "") -> FigureWithData | None:
    """Draw one panel per metric, one line per trial; the best trial and the paper's configuration are highlighted."""
    title = "Learning curves of all trials"
    metrics = [name for name in METRICS if any(trial.curves.get(name) for trial in trials)]
    if not metrics:
        return None
    best = best_trial(trials)
    groups: dict[str, list[SearchTrial]] = {name: [] for name in _LOOKS}
    for trial in sorted(trials, key=lambda each: each.number):
        groups[BEST if trial is best else PAPER if trial.paper else trial.state].append(trial)
    groups = {name: members for name, members in groups.items() if members}
    figure = panels([_SHARES.get(name) or _LOSSES[name] for name in metrics])
    rows: list[tuple[str, ...]] = []
    for panel, metric in enumerate(metrics, start=1):
        for name, members in groups.items():
            figure.add_trace(_lines(metric, name, members, in_legend=panel == 1), row=panel, col=1)
        axis = {"title_text": "F1 (%)", "range": F1_RANGE} if metric in _SHARES else {"title_text": "loss"}
        figure.update_yaxes(**axis, row=panel, col=1)
        rows += _rows(metric, trials)
    figure.update_xaxes(title_text="epoch", tickformat="d", dtick=1 if _last_epoch(trials) <= 12 else None)
    finish_panels(figure, count=len(metrics), panel_height=230, columns=2, legend=list(groups))
    return FigureWithData.of(figure, title=title, scope=scope, alt=_alt(trials, best), columns=_COLUMNS, rows=rows)


def _lines(metric: str, name: str, trials: Sequence[SearchTrial], *, in_legend: bool) -> Any:
    """Return one trace with all lines of a group: None ends a line, and the last point has its state's symbol."""
    x: list[int | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    sizes: list[int] = []
    symbols: list[str] = []
    for trial in trials:
        curve = trial.curves.get(metric, ())
        for place, (epoch, value) in enumerate(curve, start=1):
            x.append(epoch)
            y.append(100 * value if metric in _SHARES else value)
            texts.append(f"trial {trial.number}, {trial.state}<br>epoch {epoch}: {_text(metric, value)}")
            sizes.append(8 if place == len(curve) else 3)
            symbols.append(SYMBOLS[trial.state])
        x.append(None)
        y.append(None)
        texts.append("")
        sizes.append(0)
        symbols.append("circle")
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        connectgaps=False,
        name=name,
        legendgroup=name,
        showlegend=in_legend,
        hovertext=texts,
        hoverinfo="text",
        marker={"size": sizes, "symbol": symbols, "color": _LOOKS[name]["line"]["color"], "line": {"width": 0}},
        **_LOOKS[name],
    )


def _text(metric: str, value: float) -> str:
    return f"{percent(value)} %" if metric in _SHARES else number(value)


def _rows(metric: str, trials: Sequence[SearchTrial]) -> list[tuple[str, ...]]:
    name = _SHARES[metric] + " (%)" if metric in _SHARES else _LOSSES[metric]
    return [
        (str(trial.number), trial.state, name, str(epoch), percent(value) if metric in _SHARES else number(value))
        for trial in sorted(trials, key=lambda each: each.number)
        for epoch, value in trial.curves.get(metric, ())
    ]


def _last_epoch(trials: Sequence[SearchTrial]) -> int:
    return max(epoch for trial in trials for curve in trial.curves.values() for epoch, _ in curve)


def _alt(trials: Sequence[SearchTrial], best: SearchTrial | None) -> str:
    alt = f"Dev F1 and losses of {len(trials)} trials over up to {_last_epoch(trials)} epochs."
    curve: Curve = () if best is None else next((best.curves[name] for name in _SHARES if name in best.curves), ())
    if best is None or not curve:
        return alt
    (first, start), (epoch, value) = curve[0], max(curve, key=lambda point: (point[1], -point[0]))
    best_curve = f"from {percent(start)} % in epoch {first} to {percent(value)} % in epoch {epoch}"
    return f"{alt} The best, trial {best.number}, goes {best_curve}."
