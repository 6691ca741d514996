"""Confusion between entity types: gold types by predicted types."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from .figure import FigureWithData, finish
from .text import label
from .theme import HEAT

_COLUMNS = ("gold", "predicted", "entities", "share of the row (%)")
_NOT_GOLD, _NOT_PREDICTED = "spurious", "missed"

_TITLE = "Confusion between entity types"


def confusion_figure(types: Sequence[str], counts: npt.NDArray[np.int64], *, scope: str = "") -> FigureWithData | None:
    """Draw a heat map: colour is the share of the gold type's entities, the text in a cell their number.

    None without entities.

    Args:
        types: the T entity types.
        counts: (T+1, T+1) entities by gold type (rows) and predicted type (columns). The last row counts spurious
            entities, the last column missed ones; their common cell is 0.
        scope: what data the figure shows, such as `mlowner ko`.

    Raises:
        ValueError: `counts` has the wrong shape or a negative number.
    """
    size = len(types) + 1
    if counts.shape != (size, size) or (counts < 0).any():
        raise ValueError(f"confusion: expected counts of shape {(size, size)}, all >= 0, found shape {counts.shape}")
    if not counts.sum():
        return None
    gold, predicted = [*types, _NOT_GOLD], [*types, _NOT_PREDICTED]
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100.0 * counts, totals, out=np.zeros((size, size)), where=totals > 0)
    figure = go.Figure(_cells(gold, predicted, counts, shares))
    for axis, names, title_text in (("xaxis", predicted, "predicted type"), ("yaxis", gold, "gold type")):
        ticks = {"tickvals": list(range(size)), "ticktext": [label(name, limit=16) for name in names]}
        figure.layout[axis] = {
            "title": title_text,
            "showgrid": False,
            "zeroline": False,
            "ticklabeloverflow": "allow",
            **ticks,
        }
    figure.update_yaxes(autorange="reversed")
    finish(figure, height=180 + max(34 * size, 120), legend=False)
    rows = [
        (gold[i], predicted[j], str(counts[i, j]), f"{shares[i, j]:.2f}")
        for i in range(size)
        for j in range(size)
        if (i, j) != (size - 1, size - 1)
    ]
    alt = _alt(types, counts, totals[:, 0])
    return FigureWithData.of(figure, title=_TITLE, scope=scope, alt=alt, columns=_COLUMNS, rows=rows)


def _cells(
    gold: Sequence[str], predicted: Sequence[str], counts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
) -> Any:
    size = len(gold)
    z: list[list[float | None]] = [[float(share) for share in row] for row in shares]
    z[-1][-1] = None
    names = [[label(name, limit=16) for name in side] for side in (gold, predicted)]
    text = [[str(count) for count in row] for row in counts]
    text[-1][-1] = ""
    return go.Heatmap(
        # Positions are numbers with tick labels: shortened names of two types may be equal.
        x=list(range(size)),
        y=list(range(size)),
        z=z,
        zmin=0,
        zmax=100,
        colorscale=HEAT,
        xgap=2,
        ygap=2,
        text=text,
        texttemplate="%{text}",
        hovertext=[
            [
                f"gold {g}, predicted {p}<br>{counts[i, j]} entities, {shares[i, j]:.2f} % of the row"
                for j, p in enumerate(names[1])
            ]
            for i, g in enumerate(names[0])
        ],
        hoverinfo="text",
        colorbar={
            "orientation": "h",
            "thickness": 10,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "title": {"text": "share of the gold type's entities (%)", "side": "bottom", "font": {"size": 12}},
        },
    )


def _alt(types: Sequence[str], counts: npt.NDArray[np.int64], totals: npt.NDArray[np.int64]) -> str:
    inner = counts[:-1, :-1]
    entities = int(totals[:-1].sum())
    alt = (
        f"Heat map of gold by predicted types: of {entities} gold entities {int(np.trace(inner))} have the correct "
        f"type, {int(counts[:-1, -1].sum())} were missed; {int(totals[-1])} predicted ones are spurious."
    )
    wrong = inner - np.diag(np.diag(inner))
    if not wrong.sum():
        return alt
    i, j = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return f"{alt} The most frequent confusion is {types[int(i)]} predicted as {types[int(j)]} ({int(wrong[i, j])})."
