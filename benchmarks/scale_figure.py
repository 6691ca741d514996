"""The scale plot as an SVG file: trials per minute against nodes, on log scales."""

import math
from collections.abc import Callable, Sequence

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 70, 170, 40, 55
Row = tuple[int, float, float, float]
"""Number of nodes, then trials per minute: measured, ideal, the driver's limit."""
LINES = (("measured", "#0b5fa5", ""), ("ideal", "#6b6b6b", "6 4"), ("the driver's limit", "#b3261e", "2 3"))


def scale_figure(rows: Sequence[Row]) -> str:
    """Draw the plot as SVG. Raises ValueError without rows, or for a number that is not positive."""
    if not rows or min(min(row) for row in rows) <= 0:
        raise ValueError("scale plot: expected one or more rows of positive numbers")
    x = _scale([row[0] for row in rows], LEFT, WIDTH - RIGHT)
    y = _scale([value for row in rows for value in row[1:]], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="13" role="img" aria-label="Trials per minute against simulated nodes">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-weight="bold">Trials per minute against simulated nodes</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">nodes</text>',
    ]
    parts += [_tick_x(x(row[0]), str(row[0])) for row in rows]
    parts += [_tick_y(y(value), f"{value:g}") for value in _round_values([value for row in rows for value in row[1:]])]
    for index, (name, colour, dashes) in enumerate(LINES, start=1):
        places = [(x(row[0]), y(row[index])) for row in rows]
        joined = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
        parts.append(
            f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
        )
        parts += [f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3.5" fill="{colour}"/>' for left, top in places]
        top = TOP + 10 + 20 * index
        parts.append(
            f'<line x1="{WIDTH - RIGHT + 15}" y1="{top - 4}" x2="{WIDTH - RIGHT + 40}" y2="{top - 4}" '
            f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
            f'<text x="{WIDTH - RIGHT + 46}" y="{top}">{name}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Return the log scale from values to positions, with a margin of a twentieth at both ends."""
    low, high = math.log(min(values)), math.log(max(values))
    room = 0.05 * (high - low) or 0.5
    low, high = low - room, high + room
    return lambda value: start + (end - start) * (math.log(value) - low) / (high - low)


def _round_values(values: Sequence[float]) -> list[float]:
    """Return 1, 2, 5, 10, 20, ... within the range of the values."""
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    candidates = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    return [value for value in candidates if 0.9 * low <= value <= 1.1 * high]


def _tick_x(left: float, text: str) -> str:
    bottom = HEIGHT - BOTTOM
    return (
        f'<line x1="{left:.1f}" y1="{TOP}" x2="{left:.1f}" y2="{bottom}" stroke="#e5e5e5"/>'
        f'<text x="{left:.1f}" y="{bottom + 20}" text-anchor="middle">{text}</text>'
    )


def _tick_y(top: float, text: str) -> str:
    return (
        f'<line x1="{LEFT}" y1="{top:.1f}" x2="{WIDTH - RIGHT}" y2="{top:.1f}" stroke="#e5e5e5"/>'
        f'<text x="{LEFT - 8}" y="{top + 4:.1f}" text-anchor="end">{text}</text>'
    )
