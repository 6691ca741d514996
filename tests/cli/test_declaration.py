"""What follows from the declaration of an option: parsing, help, checks."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from msd_ray.cli.declaration import Option, check_values, declared, option
from msd_ray.cli.parser import CommandParser
from msd_ray.common.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Own:
    """One option of each kind."""

    names: tuple[str, ...] = field(metadata={"option": Option("names", metavar="NAME")})
    files: tuple[Path, ...] = option((), "files", metavar="FILE")
    number: int = option(3, "a number", bounds=(1, 9))
    share: float | None = option(None, "a share", bounds=(0, 0.5), shown_default="all")
    way: Literal["here", "there"] = option("here", "a way")
    other: Literal["up"] | None = option(None, "another", flag="--upwards")
    switch: bool = option(False, "a switch")
    place: str = option("runs", "a place", metavar="PLACE", environment="PLACE")
    none: int = option(0, "a zero")
    derived: int = 0


@dataclass(frozen=True, kw_only=True)
class Other(Own):
    """One option is not on the command line, one has another default."""

    share: float | None = None
    number: int = option(4, "a number of its own", bounds=(1, 9))


def parser(options: type[Own] = Own) -> CommandParser:
    made = CommandParser("own", description="", epilog="")
    made.add_options("own", options, Own)
    return made


def test_values_are_read_by_the_types_of_the_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    words = "--names a,b c --files ~/x y,z --number 4 --share 0.25 --way there --upwards up --switch --place here"
    assert Own(**parser().read(words.split())) == Own(
        names=("a", "b", "c"),
        files=(Path("/home/ada/x"), Path("y,z")),
        number=4,
        share=0.25,
        way="there",
        other="up",
        switch=True,
        place="here",
    )
    assert parser().read(["--names", "a"]) == {"names": ("a",)}, "omitted options are absent"


def test_the_help_says_range_default_and_variable() -> None:
    helps = {name: one.full_help() for name, one in declared(Own).items()}
    assert helps == {
        "names": "names",
        "files": "files",
        "number": "a number (1 to 9; default: 3)",
        "share": "a share (0 to 0.5; default: all)",
        "way": "a way (default: here)",
        "other": "another",
        "switch": "a switch",
        "place": "a place (default: PLACE, else runs)",
        "none": "a zero (default: 0)",
    }
    text = parser().format_help()
    assert "--upwards {up}" in text
    assert "--names NAME [NAME ...]" in text


def test_a_subclass_may_hide_and_change_options() -> None:
    assert "--share" not in parser(Other).format_help()
    assert "a number of its own (1 to 9; default: 4)" in parser(Other).format_help()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Own(names=("a",), number=10), "--number 10 is out of range: 1 to 9"),
        (Own(names=("a",), share=float("nan")), "--share nan is out of range: 0 to 0.5"),
        (Own(names=("b", "a", "b")), "--names names b more than once. Name each once."),
    ],
)
def test_values_are_checked(options: Own, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        check_values(options)
    assert str(caught.value) == expected
    check_values(Own(names=("a", "b"), number=9, share=0.0))
