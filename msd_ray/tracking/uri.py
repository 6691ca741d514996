"""Tracking URIs: which store they name, and how messages print them."""

from pathlib import Path
from urllib.parse import urlsplit

from msd_ray.common.errors import UserError
from msd_ray.common.text import without_passwords


def default_tracking_uri(storage: Path) -> str:
    """The SQLite file that a study uses when the user names no MLflow: `<storage>/mlflow.db`.

    Raises UserError for an object store, which holds no database.
    """
    scheme, *rest = storage.parts or (".",)
    if scheme in ("s3:", "gs:"):
        raise UserError(
            f"the storage {scheme}//{'/'.join(rest)} holds no databases: give --mlflow-uri too, or set "
            "MLFLOW_TRACKING_URI"
        )
    return f"sqlite:///{storage.resolve() / 'mlflow.db'}"


def ui_command(tracking_uri: str) -> str | None:
    """The shell command that shows this store in the browser; None for a server, whose address is the URI."""
    return None if is_server(tracking_uri) else f"mlflow ui --backend-store-uri '{shown_uri(tracking_uri)}'"


def is_server(tracking_uri: str) -> bool:
    """Whether the URI names an MLflow server rather than a database."""
    return urlsplit(tracking_uri).scheme in {"http", "https"}


def sqlite_path(tracking_uri: str) -> Path | None:
    """The file of a `sqlite:///` URI, None for any other URI."""
    if not tracking_uri.startswith("sqlite:"):
        return None
    name = tracking_uri.removeprefix("sqlite:///").split("?")[0]
    if not tracking_uri.startswith("sqlite:///") or name in {"", ":memory:"}:
        raise UserError(
            f"--mlflow-uri {shown_uri(tracking_uri)}: this names no file; "
            "write sqlite:///relative/mlflow.db or sqlite:////absolute/mlflow.db"
        )
    return Path(name).absolute()


def shown_uri(uri: str) -> str:
    """The URI as messages print it: without the password."""
    return without_passwords(uri)
