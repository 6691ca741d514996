"""Figure 4: distances between the domains of teacher and student under the ablations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from ..statistics.summary import summarise
from .figure import FigureWithData
from .panels import finish_panels, panels
from .text import joined, label, mean_text, number, row_label
from .theme import NEUTRAL, row_style

PAIRS: Mapping[str, tuple[str, str]] = {
    "tea_src-stu_src": ("teacher, source", "student, source"),
    "tea_src-stu_tgt": ("teacher, source", "student, target"),
    "stu_src-stu_tgt": ("student, source", "student, target"),
    "tea_src-tea_tgt": ("teacher, source", "teacher, target"),
}
"""Pair of domains in the names of metrics -> what they are: a model on sentences of a language."""
MEASURES: Mapping[str, tuple[str, str]] = {
    "mmd": ("MMD² (Eq. 5)", "MMD² (smaller: nearer)"),
    "symmetric_kl": ("symmetric KL", "nats (smaller: nearer)"),
    "cosine": ("cosine", "cosine (larger: nearer)"),
}
"""Measure -> title of its panel and title of its axis."""

_COLUMNS = ("measure", "domains", "variant", "mean", "standard deviation", "seeds")


@dataclass(frozen=True, kw_only=True)
class DomainDistance:
    """One measure (of `MEASURES`) between one pair of domains (of `PAIRS`) for one variant, one value per seed."""

    variant: str
    pair: str
    measure: str
    values: tuple[float, ...]


def domains_figure(distances: Sequence[DomainDistance], *, scope: str = "") -> FigureWithData | None:
    """Draw a panel per measure, a group per pair, a bar per variant: means over seeds with sample standard deviations.

    Raises:
        ValueError: an unknown measure or pair, or no value.
    """
    title = "Figure 4: distances between domains"
    for each in distances:
        if each.measure not in MEASURES or each.pair not in PAIRS or not each.values:
            raise ValueError(f"unknown measure or pair, or no value: {each}")
    if not distances:
        return None
    variants = list(dict.fromkeys(each.variant for each in distances))
    found = {(each.measure, each.pair, each.variant): each.values for each in distances}
    measures = {name: titles for name, titles in MEASURES.items() if any(each.measure == name for each in distances)}
    figure = panels([panel_title for panel_title, _ in measures.values()])
    for panel, (measure, (_, axis_title)) in enumerate(measures.items(), start=1):
        for variant in variants:
            bars = {pair: found[measure, pair, variant] for pair in PAIRS if (measure, pair, variant) in found}
            figure.add_trace(_bars(variant, bars, in_legend=panel == 1), row=panel, col=1)
        figure.update_yaxes(title_text=axis_title, row=panel, col=1)
    figure.update_xaxes(categoryorder="array", categoryarray=[_broken(pair) for pair in PAIRS], tickfont={"size": 10})
    figure.update_xaxes(title_text="domains")
    figure.update_layout(barmode="group", bargap=0.15, bargroupgap=0.05)
    rows = [
        (MEASURES[measure][0], _pair(pair), row_label(variant), *_cells(found[measure, pair, variant]))
        for measure in MEASURES
        for pair in PAIRS
        for variant in variants
        if (measure, pair, variant) in found
    ]
    labels = [row_label(variant) for variant in variants]
    finish_panels(figure, count=len(measures), panel_height=240, columns=3, legend=labels)
    return FigureWithData.of(figure, title=title, scope=scope, alt=_alt(found, labels), columns=_COLUMNS, rows=rows)


def _bars(variant: str, bars: Mapping[str, Sequence[float]], *, in_legend: bool) -> Any:
    look, name = row_style(variant), label(row_label(variant))
    means = {pair: summarise(values) for pair, values in bars.items()}
    deviations = [each.deviation or 0.0 for each in means.values()]
    return go.Bar(
        x=[_broken(pair) for pair in bars],
        y=[each.mean for each in means.values()],
        error_y={"type": "data", "array": deviations, "thickness": 1, "width": 2, "color": NEUTRAL},
        name=name,
        legendgroup=variant,
        showlegend=in_legend,
        marker={"color": look.colour, "pattern": {"shape": look.pattern, "solidity": 0.35}},
        hovertext=[f"{name}<br>{_pair(pair)}: {mean_text(each, number)}" for pair, each in means.items()],
        hoverinfo="text",
    )


def _pair(pair: str) -> str:
    return " – ".join(PAIRS[pair])


def _broken(pair: str) -> str:
    """Return a pair on four lines, so that four pairs fit side by side on a phone."""
    return " –<br>".join(domain.replace(", ", "<br>") for domain in PAIRS[pair])


def _cells(values: Sequence[float]) -> tuple[str, str, str]:
    summary = summarise(values)
    return number(summary.mean), "" if summary.deviation is None else number(summary.deviation), str(summary.n)


def _alt(found: Mapping[tuple[str, str, str], Sequence[float]], labels: Sequence[str]) -> str:
    nearest = []
    for pair in PAIRS:
        means = {key[2]: summarise(values).mean for key, values in found.items() if key[:2] == ("mmd", pair)}
        if means:
            nearest.append(f"{row_label(min(means, key=lambda name: means[name]))} for {_pair(pair)}")
    smallest = f" MMD² is smallest with {joined(nearest)}." if nearest else ""
    return f"Bars of MMD², symmetric KL and cosine between four pairs of domains for {joined(labels)}.{smallest}"
