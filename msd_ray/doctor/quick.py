"""Checks of storage, space and databases: seconds, and no cluster. `tune` and `ablate` run them before they start."""

import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msd_ray.cli.option_table import TEACHER_TRIALS
from msd_ray.cli.options import TuneOptions
from msd_ray.common.sqlite import check_sqlite_url, sqlite_url
from msd_ray.search.on_ray.cluster import check_socket_paths
from msd_ray.search.studies.inspection import inspect_database
from msd_ray.storage.layout import Storage
from msd_ray.tracking.inspection import inspect_store
from msd_ray.tracking.relocation import former_directory
from msd_ray.tracking.uri import default_tracking_uri, is_server, shown_uri

from .disk import BASE_CHECKPOINT, FOR_COPIES, Trainings, storage_space
from .finding import Finding, passed, refusals, warned
from .node import free_bytes
from .versions import server_findings

STORAGE, STUDIES, MLFLOW, TEMPORARY = "storage", "studies", "mlflow", "temporary files"


def storage_findings(storage: Storage) -> Iterator[Finding]:
    """Write a file into the storage from this machine, and remove it."""

    def look() -> Iterator[Finding]:
        storage.check()
        there = "can be written" if storage.root.exists() else "is not there yet and can be made"
        yield passed(STORAGE, f"{storage.place} {there}")

    yield from refusals(STORAGE, look, "give a writable directory with --storage")


def studies_findings(url: str, shown: str, storage: Path | None = None) -> Iterator[Finding]:
    """Check the database. shown: its URL without a password. storage: directory that is created before it."""

    def look() -> Iterator[Finding]:
        check_sqlite_url(url)
        found = inspect_database(url, created=storage)
        if found.studies is None:
            yield passed(STUDIES, f"{shown} can be made, or is empty")
        else:
            optuna = importlib.metadata.version("optuna")
            yield passed(STUDIES, f"{shown}: {found.studies} studies, schema {found.schema} of optuna {optuna}")

    yield from refusals(STUDIES, look, "check --study-storage")


def tracking_findings(uri: str, artifacts: Path | None = None) -> Iterator[Finding]:
    """Check that runs can be recorded at this URI. artifacts: directory of the search's, if MLflow is a database."""

    def look() -> Iterator[Finding]:
        check_sqlite_url(uri)
        found, shown = inspect_store(uri), shown_uri(uri)
        if not is_server(uri):
            schema = f": schema {found.schema} of mlflow {importlib.metadata.version('mlflow')}"
            yield passed(MLFLOW, f"{shown}{schema}" if found.schema else f"{shown} can be made, or is empty")
            if former := former_directory(uri, artifacts):
                yield warned(
                    MLFLOW,
                    f"{shown} was moved or copied from {former}: its artifacts are recorded there",
                    "nothing: a search records their new place and leaves the old one alone",
                )
        elif found.server is None:
            yield warned(
                MLFLOW,
                f"{shown} answers, but does not report its release",
                "see that the server's MLflow is as new as the one here: `mlflow --version` there",
            )
        else:
            yield passed(MLFLOW, f"{shown} answers: MLflow {found.server}")
            yield from server_findings(MLFLOW, found.server)

    yield from refusals(MLFLOW, look, "check --mlflow-uri")


def socket_findings() -> Iterator[Finding]:
    """Find a directory for temporary files in which a local Ray could not create its sockets; no other finding."""

    def look() -> Iterator[Finding]:
        if not os.environ.get("RAY_ADDRESS"):
            check_socket_paths()
        yield from ()

    yield from refusals(TEMPORARY, look, "set RAY_TMPDIR")


@dataclass(frozen=True, kw_only=True)
class Places:
    """Storage and databases of a search. trainings: upper bounds of what the storage holds."""

    storage: Storage
    study_storage: str
    mlflow_uri: str
    trainings: Trainings


def places_of(options: TuneOptions, checkpoint: int = BASE_CHECKPOINT) -> Places:
    """Storage and databases of a search, and upper bounds of its checkpoints. checkpoint: bytes of one."""
    storage = Storage.at(options.storage)
    finals = options.final_rows * options.seeds
    return Places(
        storage=storage,
        study_storage=options.study_storage or sqlite_url(storage.root / "studies.db"),
        mlflow_uri=options.mlflow_uri or default_tracking_uri(storage.root),
        trainings=Trainings(
            checkpoint=checkpoint,
            epochs=options.epochs,
            teachers=(options.teacher_trials or TEACHER_TRIALS) + finals,
            students=max(len(options.lang), 1) * (options.trials + finals),
        ),
    )


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
    yield from tracking_findings(places.mlflow_uri, places.storage.artifacts)
    yield from socket_findings()
