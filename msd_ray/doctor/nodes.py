"""Compare the reports of nodes with the driver's machine and the needs of a search."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .disk import FOR_COPIES, Trainings, size, storage_space, temporary_space
from .finding import Finding, failed, passed, warned
from .known_bad import KNOWN_BAD
from .node import COMPARED, NodeReport
from .versions import known_bad_findings

SKEW_WARN_S = 2.0
SKEW_FAIL_S = 60.0
"""Timestamps in MLflow come from the nodes' clocks; tokens and TLS fail if clocks differ by minutes."""


@dataclass(frozen=True, kw_only=True)
class Here:
    """The driver's machine, with which nodes are compared.

    encoder: its directory and digest. corpora: SHA-256 by path. written: the driver's file in the storage, None if
    sharing cannot be checked. store: URI of the object store, if the storage is one. trainings: upper bounds.
    """

    report: NodeReport
    encoder: tuple[Path, str] | None
    corpora: Mapping[str, str | None] = field(default_factory=dict)
    written: Path | None = None
    store: str | None = None
    trainings: Trainings | None = None


def clock_finding(name: str, ahead_s: float, uncertainty_s: float) -> Finding:
    """Check a node's clock, counting only the offset beyond the uncertainty of the measurement."""
    seen = f"clock {abs(ahead_s):.3f} s {'ahead' if ahead_s >= 0 else 'behind'} (± {uncertainty_s:.3f} s)"
    off = abs(ahead_s) - uncertainty_s
    advice = "synchronise the clocks of all machines (chrony or systemd-timesyncd)"
    if off > SKEW_FAIL_S:
        return failed(name, seen, advice)
    return warned(name, seen, advice) if off > SKEW_WARN_S else passed(name, seen)


def node_findings(name: str, report: NodeReport, here: Here) -> Iterator[Finding]:
    """Check releases, files, shared storage and free space of a node."""
    yield from _versions(name, report, here.report)
    if here.written is not None:
        yield _storage(name, report)
    if here.store is not None:
        yield _store(name, here.store, report.store_refusal)
    if here.encoder is not None:
        yield _encoder(name, report, *here.encoder, store=here.store)
    if here.corpora:
        yield _corpora(name, report.corpora, here.corpora)
    yield from temporary_space(f"{name}: {report.temporary}", report.temporary_free)


def copies_space(name: str, report: NodeReport, here: Here) -> Iterator[Finding]:
    """Check the space for copies of an object store. A node that runs trials may need all trainings."""
    if report.copies is not None and here.trainings is not None:
        where = f"{name}: {report.copies}, for copies,"
        yield storage_space(where, report.storage_free, here.trainings, elsewhere=FOR_COPIES)


def _versions(name: str, report: NodeReport, driver: NodeReport) -> Iterator[Finding]:
    """Compare releases with the driver's. Ray requires equal Python and Ray; the others may change results."""
    differ = [
        f"{package} {report.versions.get(package)} (driver {driver.versions.get(package)})"
        for package in COMPARED
        if report.versions.get(package) != driver.versions.get(package)
    ]
    if report.python != driver.python:
        differ.insert(0, f"python {report.python} (driver {driver.python})")
    if differ:
        yield failed(name, f"other releases there: {', '.join(differ)}", "install the same releases on every node")
    else:
        yield passed(name, f"the driver's releases: python {report.python}, torch {report.versions.get('torch')}")
    yield from known_bad_findings(
        {package: version for package, version in report.versions.items() if version[:1].isdigit()} if differ else {},
        KNOWN_BAD,
    )


def _storage(name: str, report: NodeReport) -> Finding:
    if report.unread is not None:
        return failed(
            name,
            f"the storage is not shared: what the driver writes is not there ({report.unread})",
            "give a --storage that every node mounts under this path, or an object store",
        )
    if report.answer is None or not _answered(report.answer):
        return failed(
            name,
            "the storage is not shared: the driver does not see what is written there",
            "give a --storage that every node mounts under this path, or an object store",
        )
    free = "" if report.storage_free is None else f", {size(report.storage_free)} free"
    return passed(name, f"the storage is shared: written here and read there, and the other way{free}")


def _store(name: str, uri: str, refusal: str | None) -> Finding:
    if refusal is not None:
        return failed(
            name,
            f"the storage {uri} cannot be used from there: {' '.join(refusal.split())}",
            "give every node credentials for it (its role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
        )
    return passed(name, f"the storage {uri} is read and written there")


def _answered(answer: Path) -> bool:
    try:
        return answer.read_text(encoding="utf-8") == answer.name
    except OSError:
        return False


def _encoder(name: str, report: NodeReport, directory: Path, digest: str, *, store: str | None) -> Finding:
    """Compare the encoder. A node without the driver's downloads it from the object store, if there is one."""
    if report.encoder != digest and store is not None:
        return passed(name, f"not the driver's encoder in {directory}: trials there fetch it from {store}")
    advice = (
        f"copy {directory} of the driver's machine to the same path there, or name a shared directory with --encoder"
    )
    if report.encoder is None:
        return failed(name, f"no encoder in {directory}, from where every trial there reads it", advice)
    if report.encoder != digest:
        return failed(
            name, f"another encoder in {directory}: content {report.encoder[:12]}, the driver's {digest[:12]}", advice
        )
    return passed(name, f"the encoder is there, content {digest[:12]}")


def _corpora(name: str, there: Mapping[str, str | None], here: Mapping[str, str | None]) -> Finding:
    """Compare corpora. Only a driver reads them, but `ray job submit` starts one on the cluster's head."""
    differing = sorted(path for path, digest in here.items() if there.get(path) not in (None, digest))
    if differing:
        return warned(
            name,
            f"other content in {_some(differing)}",
            "make the files alike: a driver that is started there would begin another study",
        )
    missing = sorted(path for path in here if there.get(path) is None)
    if missing:
        return warned(
            name,
            f"{len(missing)} of {len(here)} corpus files are not there ({_some(missing)})",
            "nothing, unless a driver is started there, as `ray job submit` does on the head node: it needs --data-dir",
        )
    return passed(name, f"the {len(here)} corpus files are there, with the driver's content")


def _some(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
