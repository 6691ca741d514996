"""The look of all figures: one colour and symbol per row, and the dashes and patterns that repeat what colour says.

The colours have a contrast of at least 3 : 1 (WCAG 2.2, 1.4.11) on both backgrounds and are distinguishable with
protanopia, deuteranopia and tritanopia; a search maximised their smallest difference. Only six colours meet this, hence
a style combines a colour with a symbol, a dash and a pattern, and no two styles share a symbol.
"""

from dataclasses import dataclass

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
NEUTRAL = "#808080"
"""Colour of what is no row: axes, error bars, ordinary trials; has contrast on both backgrounds."""
HEAT = "Cividis"
"""Colour scale of cells with text; Plotly adapts the text's colour to the cell."""

# A search's rows first. `paper` is MSD with the paper's hyperparameters, and `tsl` is MSD without all of its parts.
_ROWS = (
    *("best", "direct", "tsl", "paper", "average"),
    *("no-distillers", "no-mmd-lang", "no-mmd-model", "no-mmd", "tsl-mmd", "mixture", "gold-aux"),
)
_SAME = {"msd": "paper", "no-all": "tsl"}


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


def row_style(name: str) -> Style:
    """Return the style of a search's row or of a variant, the same in all tables and figures."""
    name = _SAME.get(name, name)
    return style(_ROWS.index(name) if name in _ROWS else len(_ROWS))
