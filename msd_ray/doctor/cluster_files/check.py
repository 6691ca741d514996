"""Check cluster files: everything that can be said about each of them."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.common.text import one_line
from msd_ray.search.yaml_source import YamlSource, read_yaml_documents

from .compose import compose_findings
from .findings import Finding, found, leaves
from .images import image_findings, pinned_ray
from .launcher import launcher_findings
from .manifests import manifests_findings
from .secrets import secret_findings, text_findings

PLACEHOLDER = "CHANGE-ME"
_EVERYBODY = ("0.0.0.0/0", "::/0")


def check_files(paths: Sequence[Path], *, ready: bool, constraints: Path) -> None:
    """Print a line per file and per finding. Nothing is sent anywhere.

    Args:
        paths: launcher YAMLs (`ray up`), Kubernetes manifests, compose files.
        ready: whether a CHANGE-ME that is still there is an error too.
        constraints: the file that pins Ray.

    Raises:
        UserError: with all errors, each with file, line, key and what to do.
    """
    ray = pinned_ray(constraints)
    wrong = []
    for path in paths:
        findings = check_file(path, ray)
        errors = [item for item in findings if item.level == "error" or (ready and item.level == "to set")]
        wrong += errors
        for item in findings:
            if item not in errors:
                print(one_line(str(item)))
        print(one_line(f"{path}: {_problems(len(errors)) if errors else 'no problems'}"))
    if wrong:
        sys.stdout.flush()
        raise UserError(_problems(len(wrong)) + "\n" + "\n".join(one_line(str(item)) for item in wrong))


def check_file(path: Path, ray: str) -> list[Finding]:
    """What is wrong with a file, in the order of its lines. ray: the pinned release.

    Raises UserError if it is no YAML, or if nothing here knows what it is for.
    """
    sources = read_yaml_documents(path)
    findings = [
        *_kind(path, sources),
        *(finding for source in sources for finding in _everywhere(source, ray)),
        *text_findings(sources[0], path.read_text(encoding="utf-8")),
    ]
    return sorted(set(findings), key=lambda finding: (int(finding.where.rpartition(":")[2]), finding.key))


def _problems(count: int) -> str:
    return "1 problem" if count == 1 else f"{count} problems"


def _kind(path: Path, sources: list[YamlSource]) -> Iterator[Finding]:
    if not sources or not all(isinstance(source.data, dict) for source in sources):
        raise UserError(f"{path}: a mapping is expected: a launcher YAML, Kubernetes manifests, or a compose file")
    if all({"apiVersion", "kind"} <= source.data.keys() for source in sources):
        return manifests_findings(sources)
    if len(sources) == 1 and "provider" in sources[0].data:
        return launcher_findings(sources[0])
    if len(sources) == 1 and "services" in sources[0].data:
        return compose_findings(sources[0])
    raise UserError(
        f"{path}: is no launcher YAML (provider), no Kubernetes manifests (apiVersion and kind in each document), "
        "and no compose file (services)"
    )


def _everywhere(source: YamlSource, ray: str) -> Iterator[Finding]:
    """What holds for every kind of file."""
    yield from secret_findings(source)
    yield from image_findings(source, ray)
    for at, value in leaves(source.data):
        if isinstance(value, str) and PLACEHOLDER in value:
            message = f"{value} waits for your own value" if len(value) < 60 else "holds a CHANGE-ME"
            yield found(source, at, message, "to set")
        if isinstance(value, str) and any(network in value for network in _EVERYBODY):
            yield found(source, at, f"{value} is the whole internet: name the networks or groups that may call")
        if isinstance(value, str) and "RAY_AUTH_MODE=disabled" in value:
            yield found(source, at, "turns token authentication off")
        if at[-1:] == ("name",) and value == "RAY_AUTH_MODE":
            yield found(source, at, "authOptions sets this on every pod: leave it out")
