"""Pinned and admitted versions are without the weaknesses that `docs/dependencies.md` lists."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from msd_ray.doctor.known_bad import KNOWN_BAD, KnownBad

ROOT = Path(__file__).parents[2]
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| [a-z]", line) and "---" not in line and "package" not in line
]


def pinned() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def admitted() -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(t for extra in project["optional-dependencies"].values() for t in extra)]
    found: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, texts):
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def ids(bad: KnownBad) -> list[str]:
    return re.findall(r"CVE-\d{4}-\d{4,}", bad.source)


def test_the_table_is_read() -> None:
    assert len(ROWS) >= 14
    assert {len(row) for row in ROWS} == {4}
    assert all(re.fullmatch(r"CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3}", row[1]) for row in ROWS)
    facing_input = {"ray", "mlflow", "torch", "transformers", "pyarrow", "jinja2", "werkzeug", "urllib3", "aiohttp"}
    assert facing_input <= {row[0] for row in ROWS}


@pytest.mark.parametrize(("package", "known", "what", "fixed"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_no_version_with_a_known_weakness(package: str, known: str, what: str, fixed: str) -> None:
    assert pinned()[package] >= Version(fixed), f"{known}: {what}"
    for requirement in admitted().get(package, []):
        floors = [Version(part.version) for part in requirement.specifier if part.operator in (">=", "==", "~=")]
        assert floors, f"{requirement} has no lower bound"
        assert max(floors) >= Version(fixed), f"{requirement} admits {known}: {what}"


def test_the_doctor_and_the_page_list_the_same_ids() -> None:
    """Of packages that the doctor knows; the page lists more packages."""
    known = {(bad.package, name) for bad in KNOWN_BAD for name in ids(bad)}
    packages = {bad.package for bad in KNOWN_BAD}
    assert known == {(row[0], row[1]) for row in ROWS if row[0] in packages}


@pytest.mark.parametrize("bad", KNOWN_BAD, ids=lambda bad: f"{bad.package}{bad.releases}")
def test_the_doctor_and_the_page_name_the_same_release(bad: KnownBad) -> None:
    """An entry of several weaknesses names the release without any of them."""
    listed = {(row[0], row[1]): Version(row[3]) for row in ROWS}
    assert Version(bad.better) == max(listed[bad.package, name] for name in ids(bad))


def test_every_dependency_is_pinned() -> None:
    """What is not in constraints.txt is whatever the index has today."""
    assert set(admitted()) <= set(pinned())
