"""Checks that take seconds and no cluster: `tune` and `ablate` run them before they start."""

from collections.abc import Iterator
from dataclasses import dataclass

from msd_ray.storage.layout import Storage
from msd_ray.tracking.uri import shown_uri

from .disk import FOR_COPIES, Trainings, storage_space
from .finding import Finding
from .node import free_bytes
from .storage import storage_findings
from .studies import studies_findings
from .tracking import tracking_findings


@dataclass(frozen=True, kw_only=True)
class Places:
    """Storage and databases of a search. trainings: upper bounds of what the storage holds."""

    storage: Storage
    study_storage: str
    mlflow_uri: str
    trainings: Trainings


def quick_findings(places: Places) -> Iterator[Finding]:
    """Check storage, disk space and databases, lazily, so that a caller can stop at the first failure.

    Releases are checked separately (`versions`), before anything is loaded.
    """
    root = places.storage.root
    yield from storage_findings(places.storage)
    free, trainings = free_bytes(root), places.trainings
    if places.storage.store is None:
        yield storage_space(str(root), free, trainings)
    else:
        yield storage_space(f"{root}, for copies,", free, trainings, elsewhere=FOR_COPIES)
    yield from studies_findings(places.study_storage, shown_uri(places.study_storage), root)
    yield from tracking_findings(places.mlflow_uri)
