"""Weights of the auxiliary channels over epochs: lambda of the teacher (Eq. 10), lambda' of the student (Eq. 12)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from .figure import FigureWithData
from .history import Curve
from .panels import finish_panels, panels
from .text import joined
from .theme import style

_COLUMNS = ("model", "layer", "epoch", "weight")


@dataclass(frozen=True, kw_only=True)
class LayerWeights:
    """One model's weights: layer -> (epoch, weight) pairs. model: title of its panel, such as `teacher λ`."""

    model: str
    curves: Mapping[int, Curve]


def layer_weights_figure(models: Sequence[LayerWeights], *, scope: str = "") -> FigureWithData | None:
    """Draw one panel per model, one line per layer; an epoch's weights sum to 1. None if no weight was trained."""
    title = "Channels' weights λ and λ′"
    drawn = [model for model in models if _trained(model)]
    if not drawn:
        return None
    layers = sorted({layer for model in drawn for layer in model.curves})
    figure = panels([model.model for model in drawn])
    for panel, model in enumerate(drawn, start=1):
        for index, layer in enumerate(layers):
            if curve := model.curves.get(layer):
                in_legend = all(not earlier.curves.get(layer) for earlier in drawn[: panel - 1])
                figure.add_trace(_line(layer, index, curve, in_legend=in_legend), row=panel, col=1)
    longest = max(epoch for model in drawn for curve in model.curves.values() for epoch, _ in curve)
    figure.update_xaxes(title_text="epoch", tickformat="d", dtick=1 if longest <= 12 else None)
    figure.update_yaxes(title_text="weight (sum 1)")
    names = [f"layer {layer}" for layer in layers]
    finish_panels(figure, count=len(drawn), panel_height=280, columns=2, legend=names)
    rows = [
        (model.model, str(layer), str(epoch), f"{weight:.4f}")
        for model in drawn
        for layer in layers
        for epoch, weight in model.curves.get(layer, ())
    ]
    alt = f"Weights of {len(layers)} layers over epochs. {_last_weights(drawn)}"
    return FigureWithData.of(figure, title=title, scope=scope, alt=alt, columns=_COLUMNS, rows=rows)


def _trained(model: LayerWeights) -> bool:
    """Return whether a weight changes: without auxiliary channels in the loss they stay as they were initialised."""
    return any(len({round(weight, 6) for _, weight in curve}) > 1 for curve in model.curves.values())


def _line(layer: int, index: int, curve: Curve, *, in_legend: bool) -> Any:
    look = style(index)
    return go.Scatter(
        x=[epoch for epoch, _ in curve],
        y=[weight for _, weight in curve],
        mode="lines+markers",
        name=f"layer {layer}",
        legendgroup=str(layer),
        showlegend=in_legend,
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={"color": look.colour, "symbol": look.symbol, "size": 7},
        hovertext=[f"layer {layer}, epoch {epoch}: {weight:.4f}" for epoch, weight in curve],
        hoverinfo="text",
    )


def _last_weights(models: Sequence[LayerWeights]) -> str:
    parts = []
    for model in models:
        last = {layer: curve[-1][1] for layer, curve in model.curves.items() if curve}
        most, least = max(last, key=lambda layer: last[layer]), min(last, key=lambda layer: last[layer])
        parts.append(
            f"{model.model} ends between {last[least]:.3f} (layer {least}) and {last[most]:.3f} (layer {most})"
        )
    return f"{joined(parts)}."
