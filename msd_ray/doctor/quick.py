"""The checks that take no cluster and few seconds: `tune` and `ablate` run them before they start."""

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
    """Where a search keeps what it makes. trainings: what it keeps in the storage at most."""

    storage: Storage
    study_storage: str
    mlflow_uri: str
    trainings: Trainings


def quick_findings(places: Places) -> Iterator[Finding]:
    """Storage, space and databases, one after the other, so that the first failure can end it.

    Releases are apart (`versions`): they are to be looked at before anything is loaded.
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
