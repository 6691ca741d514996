"""The palette on both backgrounds and with each kind of colour blindness; styles differ in more than colour."""

import itertools
import re
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pytest

from msd_ray.method.variants import VARIANTS
from msd_ray.report.comparison import ROW_LABELS
from msd_ray.report.figures.theme import NEUTRAL, PALETTE, row_style, style

BACKGROUNDS = dict(
    zip(
        ("light", "dark"),
        re.search(  # type: ignore[union-attr]
            r"--ground: light-dark\((#\w{6}), (#\w{6})\)",
            (files("msd_ray.report") / "templates" / "report.css").read_text(encoding="utf-8"),
        ).groups(),
        strict=True,
    )
)
Vector = npt.NDArray[np.float64]

# Machado, Oliveira and Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# severity 1, for linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(colour: str) -> Vector:
    channels = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def lab(rgb: Vector) -> Vector:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = (
        np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in matrix @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("background", BACKGROUNDS.values())
@pytest.mark.parametrize("colour", [*PALETTE, NEUTRAL])
def test_colours_have_contrast_on_both_backgrounds(colour: str, background: str) -> None:
    assert contrast(colour, background) >= 3


@pytest.mark.parametrize("vision", VISION)
def test_colours_stay_apart_for_everybody(vision: str) -> None:
    seen = [lab(VISION[vision] @ linear(colour)) for colour in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 20


NAMES = list(dict.fromkeys(["best", "average", *VARIANTS]))


def test_rows_differ_without_colour() -> None:
    styles = [row_style(name) for name in NAMES]
    for differ in (
        {each.symbol for each in styles},
        {(each.colour, each.pattern) for each in styles},
        {(each.colour, each.dash) for each in styles},
    ):
        assert len(differ) == len(NAMES)


def test_the_rows_of_a_search_have_colours_of_their_own() -> None:
    assert len({row_style(name).colour for name in ROW_LABELS}) == len(ROW_LABELS)


def test_the_same_method_looks_the_same_in_a_search_and_an_ablation() -> None:
    assert row_style("paper") == row_style("msd")
    assert row_style("tsl") == row_style("no-all")


def test_an_unknown_row_has_a_style_of_its_own() -> None:
    assert row_style("no-mmd-both") == style(len(NAMES))
    assert row_style("no-mmd-both") not in [row_style(name) for name in NAMES]
