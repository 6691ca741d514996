"""The look of all figures: colours, symbols, dashes and patterns, and a light and a dark template.

The colours have a contrast of at least 3 : 1 (WCAG 2.2, 1.4.11) on both backgrounds and are distinguishable with
protanopia, deuteranopia and tritanopia; a search maximised their smallest difference. Only six colours meet this, hence
a style combines a colour with a symbol, a dash and a pattern, and no two styles share a symbol.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from msd_ray.method.variants import VARIANTS

Mode = Literal["light", "dark"]

BACKGROUNDS: Mapping[Mode, str] = {"light": "#ffffff", "dark": "#15181d"}
"""Background of the page; the figures are transparent."""

PALETTE = ("#0055FF", "#E67300", "#CC0022", "#759963", "#B274A8", "#B21BB2")
SYMBOLS = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "star",
    "triangle-down",
    "hexagon",
    "bowtie",
    "hourglass",
    "pentagon",
    "x",
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
PATTERNS = ("", "/", "\\", "x", ".", "+", "-", "|")

SEQUENTIAL = ((0.0, "#0055FF"), (0.5, "#B274A8"), (1.0, "#E67300"))
"""Colour scale of lines, low to high; every colour has contrast on both backgrounds."""
NEUTRAL = "#808080"
"""Colour of axes and error bars; has contrast on both backgrounds."""
HEAT = "Cividis"
"""Colour scale of cells with text; Plotly adapts the text's colour to the cell."""

CONFIG: Mapping[str, Any] = {
    "responsive": True,
    "displaylogo": False,  # links to a website
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
}
"""Plotly's configuration for every figure."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"


@dataclass(frozen=True, kw_only=True)
class Style:
    """Style of one series: `pattern` for bars, `dash` for lines, `symbol` for points."""

    colour: str
    symbol: str
    dash: str
    pattern: str


def style(index: int) -> Style:
    """Return the style of series `index`, from 0; styles repeat after twelve."""
    return Style(
        colour=PALETTE[index % len(PALETTE)],
        symbol=SYMBOLS[index % len(SYMBOLS)],
        # Dashes and patterns are offset when the colours repeat.
        dash=DASHES[(index + index // len(PALETTE)) % len(DASHES)],
        pattern=PATTERNS[index % len(PATTERNS)],
    )


def variant_style(name: str) -> Style:
    """Return a variant's style, the same in all figures."""
    names = list(VARIANTS)
    return style(names.index(name) if name in VARIANTS else len(names))


def _template(*, text: str, grid: str, line: str, hover: str) -> Any:
    axis = {"gridcolor": grid, "linecolor": line, "tickcolor": line, "zerolinecolor": line, "zerolinewidth": 1}
    return go.layout.Template(
        layout={
            "font": {"color": text, "family": _FONT, "size": 12},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(PALETTE),
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"bgcolor": hover, "bordercolor": line, "font": {"color": text}, "align": "left"},
            "legend": {"bgcolor": "rgba(0,0,0,0)"},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": line, "activecolor": text},
        }
    )


TEMPLATES: Mapping[Mode, Any] = {
    "light": _template(text="#1b1f24", grid="#dde1e6", line="#6b737c", hover="#ffffff"),
    "dark": _template(text="#e8eaed", grid="#343a42", line="#959da6", hover="#242a31"),
}
"""Plotly templates; figures are created with the light one."""


def template_json(mode: Mode) -> dict[str, Any]:
    """Return a template as JSON, for `Plotly.relayout(figure, {template: ...})` in the page."""
    content: dict[str, Any] = TEMPLATES[mode].to_plotly_json()
    return content
