"""Inspects a tracking store without creating or changing anything."""

from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from msd_ray.common.errors import UserError
from msd_ray.common.files import check_writable

from .connection import connect
from .database import CONNECT_TIMEOUT_S
from .schema import check_schema
from .uri import is_server, sqlite_path

_VERSION_LENGTH = 100


@dataclass(frozen=True, kw_only=True)
class TrackingStore:
    """Versions of a tracking store.

    Attributes:
        server: release of the MLflow server; None if it does not report it, and for databases.
        schema: schema revision of the database, equal to the installed MLflow's; None for servers and new databases.
    """

    server: str | None = None
    schema: str | None = None


def inspect_store(tracking_uri: str) -> TrackingStore:
    """Connect to the store and return its versions.

    Raises:
        UserError: the store is unreachable, unwritable, not an MLflow store, or has another version's schema.
    """
    if is_server(tracking_uri):
        connect(tracking_uri)
        return TrackingStore(server=_server_version(tracking_uri))
    path = sqlite_path(tracking_uri)
    if path is not None and not (path.exists() and path.stat().st_size > 0):
        _check_creatable(path, tracking_uri)
        return TrackingStore()
    found = check_schema(tracking_uri, path)
    connect(tracking_uri)
    return TrackingStore(schema=found)


def _check_creatable(path: Path, tracking_uri: str) -> None:
    """Raise UserError unless a SQLite file can be created at `path`."""
    if path.exists() and not path.is_file():
        raise UserError(
            f"--mlflow-uri {tracking_uri}: cannot be written ({path} is not a regular file); choose another file"
        )
    there = next(parent for parent in path.parents if parent.exists())
    try:
        check_writable(there)
    except OSError as error:
        raise UserError(
            f"--mlflow-uri {tracking_uri}: cannot be written ({error}); "
            "choose a writable --storage with free space, or another --mlflow-uri"
        ) from error


def _server_version(tracking_uri: str) -> str | None:
    """The release that the server reports; None if it does not, or denies access."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        response = http_request(
            get_default_host_creds(tracking_uri),  # type: ignore[no-untyped-call]
            "/version",
            "GET",
            max_retries=0,
            timeout=CONNECT_TIMEOUT_S,
            raise_on_status=False,
        )
        return str(Version(response.text[:_VERSION_LENGTH])) if response.status_code == 200 else None
    except (OSError, MlflowException, InvalidVersion):
        return None
