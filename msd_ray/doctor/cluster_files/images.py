"""Images: of the pinned Ray release where Ray runs, of a stated release everywhere."""

import re
from collections.abc import Iterator
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.search.yaml_source import YamlSource

from .findings import Finding, found, leaves

_OURS = re.compile(r"(?:^|/)(?:msd-ray|ray|ray-ml)$|MSD_RAY_IMAGE", re.IGNORECASE)
_KEYS = {"image", "head_image", "worker_image"}


def pinned_ray(constraints: Path) -> str:
    """The release of Ray in constraints.txt. Raises UserError if the file or the line is not there."""
    try:
        text = constraints.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{constraints}: cannot be read: {error.strerror}; give the file that pins Ray with --constraints"
        ) from error
    pinned = re.search(r"^ray==([\w.]+)\s*$", text, re.MULTILINE)
    if pinned is None:
        raise UserError(f"{constraints}: pins no release of Ray (ray==...); give the file that does with --constraints")
    return pinned[1]


def image_findings(source: YamlSource, ray: str) -> Iterator[Finding]:
    """Images whose tag is missing, moving, or of another Ray; and `rayVersion`, which says the same once more."""
    for at, value in leaves(source.data):
        if at[-1:] == ("rayVersion",) and str(value) != ray:
            yield found(source, at, f"{value}, constraints.txt pins Ray {ray}: all nodes must have that one")
        elif at and at[-1] in _KEYS and isinstance(value, str):
            name, tag = _parts(value)
            if not tag or tag == "latest":
                yield found(source, at, f"{value} is another image tomorrow: give it a tag that says its release")
            elif _OURS.search(name) and tag != ray and not tag.startswith(f"{ray}-"):
                yield found(source, at, f"tag {tag}, constraints.txt pins Ray {ray}: build and name the image for that")


def _parts(image: str) -> tuple[str, str]:
    """Name and tag; `${NAME:?message}` of a compose file is one piece of the name."""
    plain = re.sub(r"\$\{(\w+)[^}]*\}", r"\1", image).partition("@")[0]
    name, colon, tag = plain.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (plain, "")
