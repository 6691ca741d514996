"""The files of `cluster/`, whole or with a mistake planted in them."""

from pathlib import Path

from msd_ray.doctor.cluster_files.check import check_file
from msd_ray.doctor.cluster_files.findings import Finding
from msd_ray.doctor.cluster_files.images import pinned_ray

ROOT = Path(__file__).parents[3]
CLUSTER = ROOT / "cluster"
FILES = sorted(path.name for path in CLUSTER.glob("*.yaml"))
RAY = pinned_ray(ROOT / "constraints.txt")


def errors(path: Path) -> list[Finding]:
    """What the check calls wrong."""
    return [finding for finding in check_file(path, RAY) if finding.level == "error"]


def planted(directory: Path, name: str, old: str, new: str) -> Path:
    """A copy of a file in which the first `old` is `new`."""
    text = (CLUSTER / name).read_text()
    assert old in text, f"{name} has no {old!r} any more: plant the mistake elsewhere"
    path = directory / name
    path.write_text(text.replace(old, new, 1))
    return path
