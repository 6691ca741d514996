"""Names that would lead out of the place they are made for: refused before anything is written."""

from pathlib import Path

import pytest
from tune_command import message

from msd_ray.cli.options import parse
from msd_ray.common.errors import UserError
from msd_ray.common.limits import is_plain, require_plain
from msd_ray.data.catalogue import is_language_code

HOSTILE = (
    *("../../x", "..", ".", "a/b", "/etc/passwd", "a\\b", "a\0b", "a\nb", "\x1b[2J", "é", "a b", "", ".hidden"),
    *("a" * 81, "%2e%2e%2f", "a;b", "$(id)", "*", "con:", "\u202eab", "~root"),
)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_plain_name(name: str) -> None:
    assert not is_plain(name)
    with pytest.raises(UserError, match="letters, digits, dot, dash and underscore") as caught:
        require_plain(name, "--name")
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ["a", "first-try", "mlowner-tr", "v1.2_x", "A" * 80, "-x", "zh-classical"])
def test_what_is_one(name: str) -> None:
    assert require_plain(name, "--name") == name


@pytest.mark.parametrize("option", ["--name", "--lang"])
@pytest.mark.parametrize("name", [name for name in HOSTILE if name.strip()])
def test_options_that_become_paths(option: str, name: str) -> None:
    with pytest.raises(UserError, match=f"^{option} "):
        parse([*(["--lang", "tr"] if option == "--name" else []), option, name])


def test_hostile_options_of_the_command(small: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert "--lang '../../x'" in message([*small, "--lang", "../../x"])
    assert "unknown data set '../../x'" in message([*small, "--dataset", "../../x"])
    assert "unknown data set 'xxxx" in message([*small, "--dataset", "x" * 5000])
    assert "--warm-start ../../x: this study does not exist" in message([*small, "--warm-start", "../../x"])
    assert "no such file" in message([*small, "--space", "../../x.yaml"])
    assert "search space `..` is unknown" in message([*small, "--space", ".."])
    assert "no such directory" in message([*small, "--encoder", "../../x"])
    assert "neither a directory nor the name of a hub repository" in message([*small, "--encoder", "a/.."])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("lang", ["../x", "x/y", "a*", "[a]", "tr.", "TR", "tr\n", "\u0442\u0440"])
def test_language_codes_that_a_glob_or_a_path_would_take_for_more(lang: str) -> None:
    assert not is_language_code(lang)
