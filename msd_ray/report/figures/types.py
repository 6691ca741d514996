"""Precision, recall and F1 by entity type and variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from ..statistics.summary import summarise
from .figure import F1_RANGE, FigureWithData
from .panels import finish_panels, panels
from .text import joined, label, mean_text, percent, row_label
from .theme import row_style

MEASURES = ("f1", "precision", "recall")
_NAMES = {"f1": "F1", "precision": "precision", "recall": "recall"}
_COLUMNS = ("measure", "type", "variant", "mean (%)", "standard deviation", "seeds")
_DOT_HEIGHT = 11  # pixels


@dataclass(frozen=True, kw_only=True)
class TypeScore:
    """Scores (0..1) of one variant for one entity type, one value per seed each."""

    variant: str
    type: str
    f1: tuple[float, ...]
    precision: tuple[float, ...]
    recall: tuple[float, ...]

    def values(self, measure: str) -> tuple[float, ...]:
        """Return the values of one of `MEASURES`."""
        return {"f1": self.f1, "precision": self.precision, "recall": self.recall}[measure]


def types_figure(scores: Sequence[TypeScore], *, scope: str = "") -> FigureWithData | None:
    """Draw a panel per measure, a row per type, a dot per variant: means over seeds with sample standard deviations.

    Raises:
        ValueError: a measure has no value.
    """
    title = "Scores by entity type"
    if not scores:
        return None
    if without := [score for score in scores if not (score.f1 and score.precision and score.recall)]:
        raise ValueError(f"score without a value: {without[0]}")
    variants = list(dict.fromkeys(score.variant for score in scores))
    types = sorted({score.type for score in scores})
    places = {name: place for place, name in enumerate(types)}
    figure = panels([f"{_NAMES[measure]} by type" for measure in MEASURES])
    for panel, measure in enumerate(MEASURES, start=1):
        for variant in variants:
            of_variant = {score.type: score.values(measure) for score in scores if score.variant == variant}
            figure.add_trace(_dots(variant, of_variant, places, in_legend=panel == 1), row=panel, col=1)
        figure.update_xaxes(title_text=f"{_NAMES[measure]} (%)", row=panel, col=1)
    # Positions are numbers with tick labels: shortened names of two types may be equal.
    shown = [label(name, limit=14) for name in places]
    figure.update_yaxes(tickvals=list(places.values()), ticktext=shown, range=[len(types) - 0.5, -0.5])
    figure.update_yaxes(title_text="entity type", showgrid=False, zeroline=False)
    figure.update_xaxes(range=F1_RANGE)
    figure.update_layout(scattermode="group", scattergap=0.25)
    labels = [row_label(variant) for variant in variants]
    height = max(180, _DOT_HEIGHT * len(types) * (len(variants) + 1))
    finish_panels(figure, count=len(MEASURES), panel_height=height, columns=3, legend=labels)
    alt = f"Mean F1, precision and recall of {len(types)} entity types for {joined(labels)}. {_best_types(scores)}"
    return FigureWithData.of(
        figure, title=title, scope=scope, alt=alt, columns=_COLUMNS, rows=_rows(scores, types, variants)
    )


def _dots(variant: str, values: Mapping[str, Sequence[float]], places: Mapping[str, int], *, in_legend: bool) -> Any:
    look, name = row_style(variant), label(row_label(variant))
    means = {entity_type: summarise(of_type) for entity_type, of_type in values.items()}
    deviations = [100 * (each.deviation or 0.0) for each in means.values()]
    return go.Scatter(
        x=[100 * each.mean for each in means.values()],
        y=[places[entity_type] for entity_type in means],
        orientation="h",
        offsetgroup=variant,
        mode="markers",
        error_x={"type": "data", "array": deviations, "thickness": 1, "width": 2, "color": look.colour},
        name=name,
        legendgroup=variant,
        showlegend=in_legend,
        marker={"color": look.colour, "symbol": look.symbol, "size": 8},
        hovertext=[f"{name}<br>{label(of_type)}: {mean_text(each, percent)} %" for of_type, each in means.items()],
        hoverinfo="text",
    )


def _rows(scores: Sequence[TypeScore], types: Sequence[str], variants: Sequence[str]) -> list[tuple[str, ...]]:
    ordered = sorted(scores, key=lambda each: (types.index(each.type), variants.index(each.variant)))
    rows: list[tuple[str, ...]] = []
    for measure in MEASURES:
        for score in ordered:
            summary = summarise(score.values(measure))
            cells = (percent(summary.mean), percent(summary.deviation, missing=""), str(summary.n))
            rows.append((_NAMES[measure], score.type, row_label(score.variant), *cells))
    return rows


def _best_types(scores: Sequence[TypeScore]) -> str:
    first = scores[0].variant
    means = {score.type: summarise(score.f1).mean for score in scores if score.variant == first}
    best, worst = (choose(means, key=lambda name: means[name]) for choose in (max, min))
    extremes = f"highest for {best} ({percent(means[best])} %) and lowest for {worst} ({percent(means[worst])} %)"
    return f"F1 of {row_label(first)} is {extremes}."
