"""Figures of several panels: stacked, or side by side on wide screens.

The arrangement only affects a figure's layout (the axes' domains, the positions of panel titles, the height), so the
page can change it when the width changes: `layout.meta` holds both arrangements.
"""

import math
from collections.abc import Sequence
from typing import Any

from plotly.subplots import make_subplots

from .figure import LEGEND_HEIGHT, finish
from .text import wrapped

WIDE_FROM = 720  # pixels
_GAP_Y = 112  # pixels between two panels: tick labels of four lines, axis title, the next panel's title
_BELOW = 56  # pixels below the last panel: tick labels, axis title
_ABOVE = 26  # pixels of the first panel's title
_GAP_X = 0.09  # share of the width between two panels


def panels(titles: Sequence[str]) -> Any:
    """Return a figure with one panel per title, stacked; titles are plain text. Raises ValueError without any."""
    figure = make_subplots(rows=len(titles), cols=1, subplot_titles=[wrapped(title) for title in titles])
    figure.update_annotations(font_size=13)
    return figure


def finish_panels(figure: Any, *, count: int, panel_height: int, columns: int, legend: Sequence[str]) -> None:
    """Arrange the panels and finish the figure.

    Args:
        figure: result of `panels`, changed in place.
        count: number of panels.
        panel_height: in pixels.
        columns: number of panels side by side on wide screens.
        legend: the legend's entries, from which its number of lines is estimated.
    """
    arrangements = {
        name: _arrangement(count, side_by_side, panel_height, LEGEND_HEIGHT * _legend_lines(legend, width))
        for name, side_by_side, width in (("narrow", 1, 360), ("wide", min(columns, count), WIDE_FROM))
    }
    finish(figure, height=arrangements["narrow"]["height"], legend=bool(legend), above=_ABOVE)
    for key, value in arrangements["narrow"].items():
        figure.layout[key] = value
    figure.layout.meta = {"wide_from": WIDE_FROM, **arrangements}


def _arrangement(count: int, columns: int, panel_height: int, other: int) -> dict[str, Any]:
    """Return the layout changes for `Plotly.relayout`. other: height of the legend in pixels."""
    rows = math.ceil(count / columns)
    inner = rows * panel_height + (rows - 1) * _GAP_Y
    width = (1 - (columns - 1) * _GAP_X) / columns
    changes: dict[str, Any] = {"height": inner + _ABOVE + _BELOW + other}
    for index in range(count):
        row, column = divmod(index, columns)
        left = column * (width + _GAP_X)
        top = 1 - row * (panel_height + _GAP_Y) / inner
        axis = "" if index == 0 else str(index + 1)
        changes[f"xaxis{axis}.domain"] = [left, min(left + width, 1.0)]
        changes[f"yaxis{axis}.domain"] = [max(top - panel_height / inner, 0.0), top]
        changes[f"annotations[{index}].x"] = left + width / 2
        changes[f"annotations[{index}].y"] = top
    return changes


def _legend_lines(entries: Sequence[str], width: int) -> int:
    """Estimate the number of lines of a horizontal legend, with all entries as wide as the widest."""
    if not entries:
        return 0
    widest = 40 + 7 * max(map(len, entries))  # pixels
    return math.ceil(len(entries) / max(width // widest, 1))
