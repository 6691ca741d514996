"""The documents: the navigation names all of them, links and anchors lead somewhere, and search spaces are valid."""

import re
import subprocess
from pathlib import Path

import pytest

from msd_ray.search.spaces import PAPER_STUDENT, PAPER_TEACHER, load_space, space_names

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def markdown_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(ROOT / name for name in listed.stdout.split())


def without_code(text: str) -> str:
    """A page's prose: no fenced or indented blocks, no code spans."""
    text = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ {4,}(?![-*|\d]).*$", "", text, flags=re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """Of headings, as GitHub and the site make them: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8")))
    broken = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", markdown_files(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One, two\n[a](#one-two) [b](#three) [c](nowhere.md) ![d](e.png) [f](https://example.invalid) `[g](h.md)`\n"
    )
    assert broken_links(page) == ["#three", "nowhere.md", "e.png"]


def test_the_navigation_names_every_page_once() -> None:
    trees = re.findall(r"```{toctree}\n(.*?)```", (DOCS / "index.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(trees) <= 5, "groups"
    entries = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    named = [re.sub(r".*<(.*)>", r"\1", entry) for entry in entries]
    pages = [str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.glob("*.md") if page.name != "index.md"]
    outside = ["../README", "../SECURITY", "../CONTRIBUTING", "../CHANGELOG", "../benchmarks/RECORDS"]
    assert sorted(named) == sorted(pages + outside)


SPACES = (DOCS / "search-spaces.md").read_text(encoding="utf-8")


def test_the_documented_space_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", SPACES, re.DOTALL)
    (tmp_path / "own.yaml").write_text(example, encoding="utf-8")
    space = load_space(tmp_path / "own.yaml")
    assert len(space.first_students) == 2


def test_the_page_names_every_space_and_parameter() -> None:
    assert all(f"| `{name}`" in SPACES for name in space_names())
    parameters = SPACES.split("## Parameters")[1]
    assert [name for name in {**PAPER_TEACHER, **PAPER_STUDENT} if f"`{name}`" not in parameters] == []
