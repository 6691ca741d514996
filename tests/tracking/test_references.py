"""Parsing of `models:/NAME@ALIAS` and `models:/NAME/VERSION`, and of invalid references."""

import pytest

from msd_ray.common.errors import UserError
from msd_ray.tracking.references import Reference, parse_reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("models:/msd-wikiann-ar@champion", Reference(name="msd-wikiann-ar", alias="champion", version=None)),
        ("models:/msd-wikiann-ar/12", Reference(name="msd-wikiann-ar", alias=None, version="12")),
        ("models:/modèle ' %@the best", Reference(name="modèle ' %", alias="the best", version=None)),
    ],
)
def test_references(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "models:",
        "models:/",
        "models:/name",
        "models:/name@",
        "models:/@champion",
        "models:/name/",
        "models:/name/0",
        "models:/name/-1",
        "models:/name/1x",
        "models:/name/١",
        "models:/name/" + 30 * "9",
        "models:/name/latest",
        "models:/name@a@b",
        "models:/name@a/b",
        "models:/../../etc/passwd",
        "models:/../etc@champion",
        "models://host/name@champion",
        "models:/a\nb@champion",
        "models:/a\x1b[2J@champion",
        "models:/a\u202eb@champion",
        "models:/m-0123456789abcdef0123456789abcdef",
        " models:/name@champion",
    ],
)
def test_hostile_references(text: str) -> None:
    with pytest.raises(UserError, match=r"Use models:/NAME@ALIAS") as refused:
        parse_reference(text)
    assert str(refused.value).isprintable()
