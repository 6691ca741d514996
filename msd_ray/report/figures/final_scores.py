"""F1 of each row on the scored split: a bar for the mean, its 95 % interval, and a point per seed."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from ..comparison import SummaryRow
from .figure import F1_RANGE, FigureWithData, finish
from .text import joined, label, percent
from .theme import NEUTRAL, row_style

_COLUMNS = ("row", "seed", "F1 (%)")
_ROW_HEIGHT = 42  # pixels


def final_scores_figure(rows: Sequence[SummaryRow], *, scope: str = "") -> FigureWithData | None:
    """Draw a bar per row, in the order of the table. None if no row has a score."""
    scored = [row for row in rows if row.test is not None]
    if not scored:
        return None
    split = "dev" if any(row.scored_split == "dev" for row in scored) else "test"
    figure = go.Figure([_bars(scored), _seeds(scored)])
    figure.update_xaxes(title_text=f"{split} F1 (%)", range=F1_RANGE)
    # Positions are numbers with tick labels: names from data may be equal.
    figure.update_yaxes(
        tickvals=list(range(len(scored))),
        ticktext=[label(row.name, limit=16) for row in scored],
        range=[len(scored) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )
    finish(figure, height=62 + _ROW_HEIGHT * len(scored), legend=False)
    means = [f"{row.label} {percent(row.test.mean)} %" for row in scored if row.test is not None]
    return FigureWithData.of(
        figure,
        title=f"{split} F1: mean, 95 % interval and every seed",
        scope=scope,
        alt=f"Bars of mean {split} F1: {joined(means)}.",
        columns=_COLUMNS,
        rows=[(row.label, str(seed), percent(f1)) for row in scored for seed, f1 in row.test_by_seed.items()],
    )


def _bars(rows: Sequence[SummaryRow]) -> Any:
    tests = [row.test for row in rows if row.test is not None]
    halves = [0.0 if test.high is None else 100 * (test.high - test.mean) for test in tests]
    return go.Bar(
        x=[100 * test.mean for test in tests],
        y=list(range(len(tests))),
        orientation="h",
        width=0.62,
        marker={"color": [row_style(row.name).colour for row in rows], "opacity": 0.4},
        error_x={"type": "data", "array": halves, "thickness": 2, "width": 7, "color": NEUTRAL},
        hovertext=[f"{label(row.label)}<br>mean {percent(test.mean)} %" for row, test in zip(rows, tests, strict=True)],
        hoverinfo="text",
        showlegend=False,
    )


def _seeds(rows: Sequence[SummaryRow]) -> Any:
    points = [(place, row, seed, f1) for place, row in enumerate(rows) for seed, f1 in row.test_by_seed.items()]
    return go.Scatter(
        x=[100 * f1 for *_, f1 in points],
        y=[place for place, *_ in points],
        mode="markers",
        marker={
            "size": 7,
            "color": [row_style(row.name).colour for _, row, *_ in points],
            "symbol": [row_style(row.name).symbol for _, row, *_ in points],
            "line": {"width": 1, "color": "#ffffff"},
        },
        hovertext=[f"{label(row.label)}, seed {seed}<br>{percent(f1)} %" for _, row, seed, f1 in points],
        hoverinfo="text",
        showlegend=False,
    )
