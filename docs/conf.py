"""Sphinx: the documentation site, from the repository's Markdown files and the package's docstrings (`make docs`)."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "msd_ray"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

# The repository's root is the source directory, so that links work on the site as they do in the repository.
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "benchmarks/RECORDS.md"]
exclude_patterns = [".venv", "runs", "site", "tests", "msd_ray"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
mermaid_height = "auto"
highlight_language = "none"

html_theme = "furo"
html_title = f"msd_ray {release}"
html_copy_source = False
html_extra_path = ["site"]
