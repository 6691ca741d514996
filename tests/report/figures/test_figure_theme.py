"""The palette on both backgrounds and with each kind of colour blindness; styles differ in more than colour."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from msd_ray.method.variants import VARIANTS
from msd_ray.report.figures.theme import (
    BACKGROUNDS,
    NEUTRAL,
    PALETTE,
    SEQUENTIAL,
    TEMPLATES,
    style,
    template_json,
    variant_style,
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
@pytest.mark.parametrize("colour", [*PALETTE, NEUTRAL, *(colour for _, colour in SEQUENTIAL)])
def test_colours_have_contrast_on_both_backgrounds(colour: str, background: str) -> None:
    assert contrast(colour, background) >= 3


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_contrast(mode: str) -> None:
    for name in TEMPLATES:
        if name == mode:
            assert contrast(template_json(name)["layout"]["font"]["color"], BACKGROUNDS[name]) >= 7


@pytest.mark.parametrize("vision", VISION)
def test_colours_stay_apart_for_everybody(vision: str) -> None:
    seen = [lab(VISION[vision] @ linear(colour)) for colour in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 20


def test_variants_differ_without_colour() -> None:
    styles = [variant_style(name) for name in VARIANTS]
    assert len({each.symbol for each in styles}) == len(VARIANTS)
    assert len({(each.colour, each.pattern) for each in styles}) == len(VARIANTS)
    assert len({(each.colour, each.dash) for each in styles}) == len(VARIANTS)


def test_a_variant_nobody_knows_has_a_style_of_its_own() -> None:
    assert variant_style("no-mmd-both") == style(len(VARIANTS))
    assert variant_style("no-mmd-both") not in [variant_style(name) for name in VARIANTS]
