"""Releases with known vulnerabilities that concern this project, and their advisories.

Listed is code that a search, or a server that it uses, runs. A vulnerability that a search triggers is a failure, any
other a warning.
"""

from dataclasses import dataclass
from typing import Literal

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@dataclass(frozen=True, kw_only=True)
class KnownBad:
    """A vulnerability.

    releases: version specifier. why: what happens. better: first release without it. source: advisory. where: `here`
    for installed packages, `server` for the MLflow server in use.
    """

    package: str
    releases: str
    state: Literal["warn", "fail"]
    why: str
    better: str
    source: str
    where: Literal["here", "server"] = "here"

    def holds(self, version: str) -> bool:
        """Whether the release is affected."""
        return SpecifierSet(self.releases).contains(Version(version), prereleases=True)


KNOWN_BAD: tuple[KnownBad, ...] = (
    KnownBad(
        package="transformers",
        releases=">=4.54,<5.5",
        state="fail",
        why="an encoder's config.json can run code, although remote code is not trusted",
        better="5.5.0",
        source="CVE-2026-4372 (PYSEC-2026-2289), CVE-2026-5241 (PYSEC-2026-2290)",
    ),
    KnownBad(
        package="ray",
        releases="<2.52",
        state="fail",
        why="has no token authentication, and a web page can submit jobs to it",
        better="2.52.0",
        source="CVE-2025-62593 (GHSA-q279-jhrf-cc6v)",
    ),
    KnownBad(
        package="ray",
        releases="<2.54",
        state="warn",
        why="a web page can delete jobs of a dashboard that the browser reaches",
        better="2.54.0",
        source="CVE-2026-27482 (GHSA-q5fh-2hc8-f6rq)",
    ),
    KnownBad(
        package="ray",
        releases=">=2.49,<2.55",
        state="fail",
        why="once Ray Data is loaded, pyarrow unpickles what a Parquet file's schema says; corpora are Parquet",
        better="2.55.0",
        source="CVE-2026-41486 (GHSA-mw35-8rx3-xf9r)",
    ),
    KnownBad(
        package="ray",
        releases="<2.56",
        state="warn",
        why="Ray Data's WebDataset reader unpickles archives; a search reads none",
        better="2.56.0",
        source="CVE-2026-57516 (GHSA-hhrp-gw25-jr43)",
    ),
    KnownBad(
        package="mlflow",
        releases="<3.11",
        state="warn",
        why="downloads models to directories that other users of the machine can write to",
        better="3.11.0",
        source="CVE-2026-4137 (GHSA-f2m9-wcf4-cwwx)",
    ),
    KnownBad(
        package="mlflow",
        releases="<2.3.1",
        state="warn",
        why="whoever reaches it reads any of its files through relative paths",
        better="2.3.1",
        source="CVE-2023-2356",
        where="server",
    ),
    KnownBad(
        package="mlflow",
        releases="<3.10",
        state="warn",
        why="its authentication does not cover all of it",
        better="3.10.0",
        source="CVE-2026-2652",
        where="server",
    ),
    KnownBad(
        package="mlflow",
        releases="<=3.10.1",
        state="warn",
        why="its job endpoints ask for no password, where basic-auth is on and jobs are allowed",
        better="3.11.0",
        source="CVE-2026-0545 (GHSA-7qhf-v65m-g5f3)",
        where="server",
    ),
    KnownBad(
        package="mlflow",
        releases="<3.15",
        state="warn",
        why="it fetches any address for whoever reaches it, cloud credentials too; this is exploited",
        better="3.15.0",
        source="CVE-2026-64849 (GHSA-7gwp-5pfp-969j)",
        where="server",
    ),
    KnownBad(
        package="mlflow",
        releases=">=3.12.0rc0,<3.17",
        state="warn",
        why="where trulens is installed beside it, it sends requests for whoever reaches it",
        better="3.17.0",
        source="CVE-2026-115886 (GHSA-2wqp-q3c6-ccj5)",
        where="server",
    ),
    KnownBad(
        package="torch",
        releases="<2.10",
        state="warn",
        why="torch.load corrupts memory or runs code with weights_only, too; a search loads safetensors alone",
        better="2.10.0",
        source="CVE-2026-24747, CVE-2025-32434",
    ),
    KnownBad(
        package="filelock",
        releases="<3.20.3",
        state="warn",
        why="its soft locks follow links that another user of the machine puts in their way",
        better="3.20.3",
        source="CVE-2026-22701 (GHSA-qmgc-5h2g-mvrw)",
    ),
    KnownBad(
        package="pyarrow",
        releases=">=0.14,<14.0.1",
        state="fail",
        why="an extension type in a Parquet file runs code; corpora are Parquet",
        better="14.0.1",
        source="CVE-2023-47248",
    ),
    KnownBad(
        package="pyarrow",
        releases=">=15,<=23.0.0",
        state="warn",
        why="reading a crafted Arrow IPC file ahead writes to freed memory; a search reads Parquet alone",
        better="23.0.1",
        source="CVE-2026-25087",
    ),
)
