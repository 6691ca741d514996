"""The checks that take no cluster and few seconds: `tune` and `ablate` run them before they start."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..search.nodes import free_bytes
from ..search.storage import Storage
from ..tracking.database import shown_uri
from .disk import Trainings, storage_space
from .finding import Finding
from .storage import storage_findings
from .studies import studies_findings
from .tracking import tracking_findings


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a search keeps what it makes. trainings: what it keeps in the storage, None where that is not known."""

    storage: Storage
    study_storage: str
    mlflow_uri: str
    trainings: Trainings | None


def quick_findings(places: Places) -> Iterator[Finding]:
    """Databases, storage and space, one after the other, so that the first failure can end it.

    Releases are apart (`versions`): they are to be looked at before anything is loaded.
    """
    yield from studies_findings(places.study_storage, shown_uri(places.study_storage), places.storage.root)
    yield from tracking_findings(places.mlflow_uri)
    yield from storage_findings(places.storage)
    if places.trainings is not None:
        root = places.storage.root
        yield storage_space(str(root), free_bytes(root), places.trainings)
