"""Packages import what stands above them in `ORDER`, and nothing below: data flows one way."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "msd_ray"
ORDER = (
    "common",
    "data",
    "method",
    "storage",
    "search",
    "tracking",
    "predict",
    "report",
    "local_cluster",
    "cli",
    "doctor",
)
"""The packages from the lowest to the highest. The commands (`tune`, `ablate`, `PACKAGE/__main__.py`) import any."""
ONLY_IN = {
    "optuna": ("search/studies", "report/importance.py"),
    "mlflow": ("tracking",),
    "ray": ("search/on_ray", "doctor/cluster_files.py", "doctor/cluster_nodes.py", "doctor/upload.py"),
}
"""Libraries, and where each is imported."""


def modules() -> Iterator[Path]:
    return (path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__main__.py")


def imported(path: Path) -> Iterator[str]:
    """Absolute names of all modules that a module imports, at its top or later."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield stem
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def room(name: str) -> str | None:
    """The package of `msd_ray` that a module belongs to; None for another's module or a command."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "msd_ray" and parts[1] in ORDER else None


def test_every_package_has_its_place() -> None:
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} == set(ORDER)
    assert len([path for path in PACKAGE.iterdir() if path.name != "__pycache__"]) <= 16


@pytest.mark.parametrize("package", ORDER)
def test_nothing_imports_upwards(package: str) -> None:
    allowed = ORDER[: ORDER.index(package) + 1]
    upwards = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules()
        if path.is_relative_to(PACKAGE / package)
        for name in imported(path)
        if (room(name) or package) not in allowed or name in ("msd_ray.tune", "msd_ray.ablate")
    ]
    assert upwards == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_where_it_belongs(library: str) -> None:
    elsewhere = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] == library and not any(path.is_relative_to(PACKAGE / place) for place in ONLY_IN[library])
    }
    assert elsewhere == set()


def test_contributing_names_files_that_are_there() -> None:
    """The table of where to find what: every path exists, and every name in the same cell stands in that file."""
    rows = re.findall(r"^\| [^|]*\? \| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 10
    for row in rows:
        words = re.findall(r"`([^`]+)`", row)
        paths = [ROOT / word for word in words if "/" in word and "*" not in word]
        assert paths
        assert all(path.is_file() for path in paths), row
        text = "".join(path.read_text(encoding="utf-8") for path in paths)
        assert all(word in text for word in words if "/" not in word), row
