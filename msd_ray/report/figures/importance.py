"""Importance of each parameter: the share of the scores' variance that it explains."""

from collections.abc import Mapping

import plotly.graph_objects as go

from .figure import FigureWithData, finish
from .text import label, parameter_label
from .theme import NEUTRAL

_COLUMNS = ("parameter", "share of variance (%)")


def importance_figure(importance: Mapping[str, float] | None, *, trials: int, scope: str = "") -> FigureWithData | None:
    """Draw one bar per parameter, the most important on top.

    Args:
        importance: result of `msd_ray.report.importance.parameter_importance`; None gives no figure.
        trials: number of complete trials that it is based on.
        scope: what data the figure shows.
    """
    title = "Importance of the parameters"
    if not importance:
        return None
    ordered = sorted(importance.items(), key=lambda item: (item[1], item[0]))  # Plotly draws from the bottom up
    shares = [100 * share for _, share in ordered]
    figure = go.Figure(
        go.Bar(
            x=shares,
            y=[label(parameter_label(name), limit=24) for name, _ in ordered],
            orientation="h",
            marker={"color": NEUTRAL},
            text=[f"{share:.1f} %" for share in shares],
            textposition="auto",
            cliponaxis=False,
            hovertext=[f"{label(parameter_label(name))}: {100 * share:.2f} %" for name, share in ordered],
            hoverinfo="text",
        )
    )
    figure.update_xaxes(title_text="share of dev F1's variance (%)", rangemode="tozero")
    figure.update_yaxes(title_text="parameter")
    finish(figure, height=70 + 36 * len(ordered), legend=False)
    name, share = ordered[-1]
    alt = (
        f"Bars of {len(ordered)} parameters by the share of dev F1's variance over {trials} trials that each explains: "
        f"{parameter_label(name)} explains most, {100 * share:.1f} %."
    )
    rows = [(parameter_label(name), f"{100 * share:.2f}") for name, share in reversed(ordered)]
    return FigureWithData.of(figure, title=title, scope=scope, alt=alt, columns=_COLUMNS, rows=rows)
