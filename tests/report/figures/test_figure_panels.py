"""Stacked panels and panels side by side: inside the figure, without overlap."""

import itertools
from typing import Any

import plotly.graph_objects as go
import pytest

from msd_ray.report.figures.panels import finish_panels, panels


def arranged(count: int, columns: int) -> Any:
    figure = panels([f"panel {index}" for index in range(count)])
    for row in range(1, count + 1):
        figure.add_trace(go.Scatter(x=[1], y=[1]), row=row, col=1)
    finish_panels(figure, count=count, panel_height=200, columns=columns, legend=["a", "b"])
    return figure


def boxes(layout: dict[str, Any], count: int) -> list[tuple[float, float, float, float]]:
    """Return (left, right, bottom, top) of each panel, as shares of the plot."""
    names = ["", *(str(number) for number in range(2, count + 1))]
    return [(*layout[f"xaxis{name}.domain"], *layout[f"yaxis{name}.domain"]) for name in names]


@pytest.mark.parametrize(("count", "columns"), [(1, 3), (2, 2), (3, 3), (5, 2), (6, 2), (7, 3)])
@pytest.mark.parametrize("arrangement", ["narrow", "wide"])
def test_panels_do_not_overlap(count: int, columns: int, arrangement: str) -> None:
    found = boxes(arranged(count, columns).layout.meta[arrangement], count)
    assert all(0 <= left < right <= 1 and 0 <= bottom < top <= 1 for left, right, bottom, top in found)
    for a, b in itertools.combinations(found, 2):
        assert a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]
    side_by_side = len({(left, right) for left, right, _, _ in found})
    assert side_by_side == (1 if arrangement == "narrow" else min(columns, count))


@pytest.mark.parametrize("arrangement", ["narrow", "wide"])
def test_panels_have_the_height_they_were_given(arrangement: str) -> None:
    changes = arranged(5, 2).layout.meta[arrangement]
    rows = 5 if arrangement == "narrow" else 3
    inner = rows * 200 + (rows - 1) * 112
    assert [round((top - bottom) * inner, 6) for _, _, bottom, top in boxes(changes, 5)] == [200] * 5
    assert inner < changes["height"] < inner + 250


def test_a_figure_is_made_for_a_phone_and_can_come_back_to_it() -> None:
    figure = arranged(3, 3)
    made = figure.to_dict()["layout"]
    for name, value in figure.layout.meta["wide"].items():
        figure.layout[name] = value
    assert figure.to_dict()["layout"] != made
    for name, value in figure.layout.meta["narrow"].items():
        figure.layout[name] = value
    assert figure.to_dict()["layout"] == made
