"""Check that the storage is writable. `nodes` checks whether nodes share it."""

from collections.abc import Iterator

from msd_ray.storage.layout import Storage

from .finding import Finding, passed, refusals

NAME = "storage"


def storage_findings(storage: Storage) -> Iterator[Finding]:
    """Write a file into the storage from this machine, and remove it."""

    def look() -> Iterator[Finding]:
        storage.check()
        there = "can be written" if storage.root.exists() else "is not there yet and can be made"
        yield passed(NAME, f"{storage.place} {there}")

    yield from refusals(NAME, look, "give a writable directory with --storage")
