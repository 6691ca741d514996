"""The scale plot: one point per number, on log scales."""

from xml.etree import ElementTree

import pytest

from benchmarks.scale_figure import LINES, scale_figure

ROWS = [(1, 5.0, 6.0, 160.0), (2, 10.0, 12.0, 160.0), (4, 20.0, 24.0, 160.0)]
SVG = "{http://www.w3.org/2000/svg}"


def test_every_number_is_drawn() -> None:
    figure = ElementTree.fromstring(scale_figure(ROWS))
    points = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in figure.iter(f"{SVG}circle")]
    assert len(points) == len(LINES) * len(ROWS)
    measured, limit = points[:3], points[6:]
    assert [x for x, _ in measured] == sorted(x for x, _ in measured)
    steps = [measured[i][1] - measured[i + 1][1] for i in range(2)]
    assert steps[0] == pytest.approx(steps[1], abs=0.2), "each is twice as much as the one before"
    assert steps[0] > 0
    assert len({y for _, y in limit}) == 1
    texts = {text.text for text in figure.iter(f"{SVG}text")}
    assert {name for name, _, _ in LINES} <= texts
    assert {"1", "2", "4", "nodes", "10", "100"} <= texts


@pytest.mark.parametrize("rows", [[], [(1, 0.0, 1.0, 1.0)], [(1, 1.0, -1.0, 1.0)]])
def test_numbers_that_are_not_positive_are_rejected(rows: list[tuple[int, float, float, float]]) -> None:
    with pytest.raises(ValueError, match="positive numbers"):
        scale_figure(rows)
