"""Releases: what is installed here passes, and each entry of the list of bad ones is found and says what to do."""

import re
from pathlib import Path

import pytest

from msd_ray import __version__
from msd_ray.doctor.finding import Finding
from msd_ray.doctor.known_bad import KNOWN_BAD, KnownBad
from msd_ray.doctor.versions import installed, server_findings, version_findings


def bad(versions: dict[str, str]) -> list[Finding]:
    return [finding for finding in version_findings({**installed(), **versions}) if finding.state != "pass"]


def test_what_is_installed_here_is_required_and_not_known_to_be_bad() -> None:
    (finding,) = version_findings()
    assert finding.state == "pass"
    assert re.match(rf"python 3\.\d+\.\d+, msd-ray {re.escape(__version__)}, ray 2\.", finding.what)


def test_a_release_that_runs_an_encoders_code_fails() -> None:
    findings = bad({"transformers": "5.2.0"})
    (known,) = (finding for finding in findings if "CVE-2026-4372" in finding.what)
    assert known.state == "fail"
    assert known.what.startswith("transformers 5.2.0 an encoder's config.json can run code")
    assert known.advice == "pip install -U 'transformers>=5.5.0', on every node"


def test_a_release_outside_of_what_the_project_requires_is_a_warning() -> None:
    (finding,) = bad({"numpy": "1.26.4"})
    assert finding.state == "warn"
    assert "numpy 1.26.4" in finding.what
    assert "numpy>=2.0" in finding.advice


def test_a_required_package_that_is_not_installed_fails() -> None:
    versions = {name: version for name, version in installed().items() if name != "optuna"}
    (finding,) = (finding for finding in version_findings(versions) if finding.state != "pass")
    assert (finding.state, finding.what) == ("fail", "optuna is not installed")


@pytest.mark.parametrize("entry", KNOWN_BAD, ids=lambda entry: f"{entry.package}{entry.releases}")
def test_each_entry_holds_for_a_release_before_the_better_one_and_not_for_that(entry: KnownBad) -> None:
    assert not entry.holds(entry.better)
    assert entry.holds("3.10.1" if entry.releases == "<=3.10.1" else _just_before(entry))
    assert re.search(r"CVE-20\d\d-\d+", entry.source)


def _just_before(entry: KnownBad) -> str:
    """Within the entry's releases: what stands before its upper end, one minor release lower."""
    upper = entry.releases.split(",")[-1]
    if upper.startswith("<="):
        return upper.removeprefix("<=")
    major, minor, *rest = (int(part) for part in upper.removeprefix("<").split("."))
    return f"{major}.{minor}.{rest[0] - 1}" if rest else f"{major}.{minor - 1}.0"


def test_the_newest_releases_of_the_list_are_not_on_it() -> None:
    assert bad({"ray": "2.60.0", "transformers": "5.5.0", "filelock": "3.20.3", "pyarrow": "23.0.1"}) == []


def test_an_old_ray_is_every_one_of_its_entries() -> None:
    states = [finding.state for finding in bad({"ray": "2.51.1"}) if "CVE" in finding.what]
    assert states == ["fail", "warn", "fail", "warn"]


def test_a_servers_release_is_held_against_holes_of_servers() -> None:
    assert list(server_findings("mlflow", "3.17.2")) == []
    (one,) = server_findings("mlflow", "3.16.0")
    assert "CVE-2026-115886" in one.what
    said = " ".join(finding.what for finding in server_findings("mlflow", "3.10.0"))
    assert "CVE-2026-64849" in said
    assert "CVE-2026-0545" in said
    assert "CVE-2026-4137" not in said, "that one is about the machine that downloads a model"


def test_the_page_has_the_whole_list() -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    for entry in KNOWN_BAD:
        (row,) = (line for line in page.splitlines() if line.endswith(f"| {entry.better} | {entry.source} |"))
        assert f"| `{entry.releases}` | {entry.state} | {entry.why} |" in row
