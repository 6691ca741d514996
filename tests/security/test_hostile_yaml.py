"""YAML that would fill the memory or run code: search spaces, and the front matter of a model card."""

from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.sources import resolve
from msd_ray.search.spaces import load_space

Write = Callable[[str], Path]
LAUGHS = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "space.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, r":2: not well-formed YAML: aliases \(\*name\) are not allowed"),
        ("a: " + "x" * (64 * 1024), "bytes, a file of this kind has at most 65536"),
        ("[" * 1000 + "]" * 1000, "nested too deeply"),
        ("a:\n" + "".join(" " * n + "- \n" for n in range(1, 100)), "nested too deeply"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("a: " + "9" * 5000, "not well-formed YAML"),
        ("a: b\n--- \nc: d", "not well-formed YAML"),
        ("a: \x1b[2J", "not well-formed YAML"),
        ("a: b\na: c", "key `a` stands twice"),
    ],
)
def test_search_spaces(write: Write, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(UserError, match=message) as caught:
        load_space(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "front_matter",
    [
        f"{LAUGHS}license: *a29",
        "license: " + "[" * 3000 + "]" * 3000,
        "license: !!python/object/apply:os.system [id]",
        "license: {a: b}",
        "license: [[mit]]",
        "license:\n" + "# \n" * 600_000,
    ],
    ids=["billion laughs", "deep", "code", "mapping", "lists", "large"],
)
def test_model_cards_name_no_licence(encoder: Path, front_matter: str) -> None:
    (encoder / "README.md").write_text(f"---\n{front_matter}\n---\n", encoding="utf-8")
    assert resolve(str(encoder)).licence is None


def test_licences_are_short_text(encoder: Path) -> None:
    (encoder / "README.md").write_text(f"---\nlicense: [mit, {'x' * 5000}]\n---\n", encoding="utf-8")
    licence = resolve(str(encoder)).licence
    assert licence is not None
    assert licence.startswith("mit, xxx")
    assert len(licence) == 200
