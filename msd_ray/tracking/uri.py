"""Tracking URIs: default, kind of store, and display without password."""

from pathlib import Path
from urllib.parse import urlsplit

from msd_ray.common.errors import UserError
from msd_ray.common.shell import command
from msd_ray.common.sqlite import sqlite_file, sqlite_url
from msd_ray.common.text import without_passwords


def default_tracking_uri(storage: Path) -> str:
    """The URI of `<storage>/mlflow.db`, a SQLite file.

    Raises:
        UserError: the storage is an object store, which cannot hold a database.
    """
    scheme, *rest = storage.parts or (".",)
    if scheme in ("s3:", "gs:"):
        raise UserError(
            f"the storage {scheme}//{'/'.join(rest)} cannot hold a database; give --mlflow-uri or "
            "set MLFLOW_TRACKING_URI"
        )
    return sqlite_url(storage.resolve() / "mlflow.db")


def ui_command(tracking_uri: str) -> str | None:
    """The shell command that starts the UI on this database; None for a server."""
    if is_server(tracking_uri):
        return None
    return command("mlflow", "ui", "--backend-store-uri", shown_uri(tracking_uri))


def is_server(tracking_uri: str) -> bool:
    """Whether the URI is that of an MLflow server, not of a database."""
    return urlsplit(tracking_uri).scheme in {"http", "https"}


def sqlite_path(tracking_uri: str) -> Path | None:
    """The absolute path of a `sqlite:///` URI; None for other URIs. Raises UserError if it has no path."""
    if not tracking_uri.startswith("sqlite:"):
        return None
    file = sqlite_file(tracking_uri)
    if file is None:
        raise UserError(
            f"--mlflow-uri {shown_uri(tracking_uri)}: the URI has no file; "
            "use sqlite:///relative/mlflow.db or sqlite:////absolute/mlflow.db"
        )
    return file


def shown_uri(uri: str) -> str:
    """The URI without passwords, for messages."""
    return without_passwords(uri)
