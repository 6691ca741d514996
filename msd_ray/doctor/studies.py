"""Check that the studies' database is reachable and has the schema of the installed Optuna."""

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

from msd_ray.search.studies.inspection import inspect_database

from .finding import Finding, passed, refusals

NAME = "studies"


def studies_findings(url: str, shown: str, storage: Path | None = None) -> Iterator[Finding]:
    """Check the database. shown: its URL without a password. storage: directory that is created before it."""

    def look() -> Iterator[Finding]:
        found = inspect_database(url, made=storage)
        if found.studies is None:
            yield passed(NAME, f"{shown} can be made, or is empty")
        else:
            optuna = importlib.metadata.version("optuna")
            yield passed(NAME, f"{shown}: {found.studies} studies, schema {found.schema} of optuna {optuna}")

    yield from refusals(NAME, look, "check --study-storage")
