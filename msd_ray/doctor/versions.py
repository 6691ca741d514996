"""Compare installed releases with the requirements and with known vulnerabilities."""

import importlib.metadata
import platform
from collections.abc import Iterator, Mapping

from packaging.requirements import Requirement

from .finding import Finding, failed, passed, warned
from .known_bad import KNOWN_BAD, KnownBad

NAME = "versions"
PROJECT = "msd-ray"
SHOWN = ("msd-ray", "ray", "torch", "transformers", "optuna", "mlflow")


def installed(packages: tuple[str, ...] = ()) -> dict[str, str]:
    """Installed releases of `packages`, by default of all requirements, without importing them."""
    names = packages or (PROJECT, *(requirement.name for requirement in _requirements()))
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def version_findings(versions: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Findings about releases: what is installed, unmet requirements, known vulnerabilities.

    versions: by package; default: the installed ones.
    """
    have = installed() if versions is None else versions
    python = platform.python_version()
    yield passed(NAME, f"python {python}, " + ", ".join(f"{name} {have[name]}" for name in SHOWN if name in have))
    yield from _unmet(have)
    yield from known_bad_findings(have, KNOWN_BAD)


def known_bad_findings(versions: Mapping[str, str], entries: tuple[KnownBad, ...]) -> Iterator[Finding]:
    """A finding for each vulnerability of an installed release."""
    for entry in entries:
        version = versions.get(entry.package)
        if entry.where != "here" or version is None or not entry.holds(version):
            continue
        finding = failed if entry.state == "fail" else warned
        yield finding(
            NAME,
            f"{entry.package} {version} {entry.why} ({entry.source})",
            f"pip install -U '{entry.package}>={entry.better}', on every node",
        )


def server_findings(name: str, version: str) -> Iterator[Finding]:
    """A finding for each vulnerability of an MLflow server of this release."""
    for entry in KNOWN_BAD:
        if entry.package == "mlflow" and entry.where == "server" and entry.holds(version):
            yield warned(
                name,
                f"the server's MLflow {version}: {entry.why} ({entry.source})",
                f"update the server to {entry.better} or later, and keep its port off public networks",
            )


def _unmet(have: Mapping[str, str]) -> Iterator[Finding]:
    """Findings about requirements that are not met."""
    for requirement in _requirements():
        version = have.get(requirement.name)
        wanted = f"{requirement.name}{requirement.specifier}"
        if version is None:
            yield failed(NAME, f"{requirement.name} is not installed", f"pip install '{wanted}'")
        elif not requirement.specifier.contains(version, prereleases=True):
            yield warned(
                NAME,
                f"{requirement.name} {version} is not what this project was tested with ({wanted})",
                f"pip install -U '{wanted}'",
            )


def _requirements() -> list[Requirement]:
    """Requirements of the installed project, without extras."""
    try:
        texts = importlib.metadata.requires(PROJECT) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = [Requirement(text) for text in texts]
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]
