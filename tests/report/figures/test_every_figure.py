"""Properties of every figure, with names that are dangerous in HTML."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from msd_ray.report.figures import FigureWithData

Maker = Callable[[], FigureWithData]


def texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a figure's JSON with its key."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from texts(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value, key)
    elif isinstance(node, str):
        yield key, node


def content(figure: FigureWithData) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(figure.figure.to_json())
    return found


def test_names_from_data_are_escaped_only_in_the_figure(maker: Maker) -> None:
    figure = maker()
    shown = [text for key, text in texts(content(figure)) if key not in ("legendgroup", "offsetgroup")]
    assert not [text for text in shown if "<img" in text or "<a" in text or "%{x}" in text]
    plain = [figure.title, figure.alt, *figure.columns, *(cell for row in figure.rows for cell in row)]
    assert "<img src=x" in figure.title
    assert not any("&lt;" in text for text in plain)


@pytest.mark.parametrize("name", ["tsne", "domains", "history", "slices", "importance", "layer_weights", "types"])
def test_names_from_data_are_shown(figures: Mapping[str, FigureWithData], name: str) -> None:
    assert any("&lt;img src=x" in text for _, text in texts(content(figures[name])))


def test_has_titled_axes_and_no_title_of_its_own(maker: Maker) -> None:
    layout = content(maker())["layout"]
    assert "title" not in layout
    axes = [value for name, value in layout.items() if name[:5] in ("xaxis", "yaxis")]
    # Axes without numbers and those of named ticks need no title, nor those that a panel's title names.
    numbered = [axis for axis in axes if axis.get("showticklabels", True) and not {"ticktext", "type"} & axis.keys()]
    assert all(axis["title"]["text"] for axis in numbered)


def test_fills_its_container_and_takes_its_colours_from_the_page(maker: Maker) -> None:
    layout = content(maker())["layout"]
    assert "width" not in layout
    assert layout["autosize"] is True
    own = {name: value for name, value in layout.items() if name != "template"}
    assert [text for key, text in texts(own) if key in ("paper_bgcolor", "plot_bgcolor", "gridcolor")] == []
    assert '"font": {"color"' not in json.dumps(own)


@pytest.mark.parametrize("name", ["final_scores", "history", "slices", "types", "curves"])
def test_axes_of_f1_go_from_0_to_100(figures: Mapping[str, FigureWithData], name: str) -> None:
    layout = content(figures[name])["layout"]
    axes = [value for key, value in layout.items() if key[:5] in ("xaxis", "yaxis")]
    scores = [axis for axis in axes if re.search(r"F1 \(%\)|(precision|recall) \(%\)", str(axis.get("title")))]
    assert scores
    assert all(list(axis["range"]) == [0, 100] for axis in scores)


def test_text_and_rows_describe_the_figure(maker: Maker) -> None:
    figure = maker()
    assert figure.alt.endswith(".")
    assert 15 < len(figure.alt) < 900
    assert figure.columns
    assert figure.rows
    assert all(isinstance(cell, str) for row in figure.rows for cell in row)


def test_is_the_same_for_the_same_data(maker: Maker) -> None:
    first, second = maker(), maker()
    assert first.figure.to_json() == second.figure.to_json()
    assert (first.alt, first.rows) == (second.alt, second.rows)


def test_rows_that_do_not_match_the_columns_are_rejected() -> None:
    with pytest.raises(ValueError, match="expected 2 cells per row"):
        FigureWithData.of(None, title="t", scope="", alt="a.", columns=("x", "y"), rows=[("1", "2", "3")])
