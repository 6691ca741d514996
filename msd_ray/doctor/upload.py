"""What `ray job submit --working-dir .` would upload from this directory: what its ignore files do not name."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ray._private.ray_constants import RAY_RUNTIME_ENV_IGNORE_GITIGNORE, get_runtime_env_default_excludes
from ray._private.runtime_env.packaging import _dir_travel, _get_excludes

from .disk import size
from .finding import Finding, passed, warned

NAME = "upload"
LARGE = 50 << 20
"""Bytes; Ray refuses more than 500 MiB, and keeps what it accepts in the head's memory."""
SHOWN = 3


def uploaded_files(directory: Path) -> dict[Path, int]:
    """The files and their bytes, by Ray's own rules."""
    root = directory.absolute()
    found: dict[Path, int] = {}

    def note(path: Path) -> None:
        if path.is_file():
            found[path.relative_to(root)] = path.stat().st_size

    with_gitignore = os.environ.get(RAY_RUNTIME_ENV_IGNORE_GITIGNORE, "0") != "1"
    _dir_travel(root, [_get_excludes(root, get_runtime_env_default_excludes())], note, include_gitignore=with_gitignore)
    return found


def upload_findings(directory: Path) -> Iterator[Finding]:
    """How much would be uploaded from a checkout, and the largest parts of it; nothing elsewhere."""
    if not (directory / "msd_ray" / "__init__.py").is_file():
        return
    files = uploaded_files(directory)
    parts: Counter[str] = Counter()
    for path, count in files.items():
        parts[path.parts[0]] += count
    seen = f"`ray job submit --working-dir .` uploads {size(parts.total())} in {len(files)} files from {directory}"
    if parts.total() <= LARGE:
        yield passed(NAME, seen)
        return
    largest = parts.most_common(SHOWN)
    yield warned(
        NAME,
        f"{seen}, most of it in {', '.join(f'{name} ({size(count)})' for name, count in largest)}",
        f"name in {directory / '.rayignore'} what a job does not need, or move it elsewhere",
    )
