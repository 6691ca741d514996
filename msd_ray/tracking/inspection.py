"""What there is where runs are recorded, read without making or changing anything in it.

MLflow that opens a database of an earlier release, which lacks tables, migrates it there and then, without a backup:
its schema is read before MLflow is given the address.
"""

from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from msd_ray.common.errors import UserError
from msd_ray.common.files import check_writable

from .connection import connect
from .database import CONNECT_TIMEOUT_S
from .uri import is_server, shown_uri, sqlite_path

_VERSION_LENGTH = 100


@dataclass(frozen=True, kw_only=True)
class TrackingStore:
    """server: the release of the MLflow server, None where it does not say; for a database always None.

    schema: the revision of a database's tables, which is the installed MLflow's; None where they are still to be made.
    """

    server: str | None = None
    schema: str | None = None


def inspect_store(tracking_uri: str) -> TrackingStore:
    """Look where runs are recorded.

    Raises UserError if it cannot be reached or written, is no MLflow, or has the schema of another MLflow version.
    """
    if is_server(tracking_uri):
        connect(tracking_uri)
        return TrackingStore(server=_server_version(tracking_uri))
    path = sqlite_path(tracking_uri)
    if path is not None and not (path.exists() and path.stat().st_size > 0):
        _check_place(path, tracking_uri)
        return TrackingStore()
    found = _revision(tracking_uri, path)
    if found is not None:
        expected = _expected_revision()
        if found != expected:
            raise UserError(
                f"MLflow's database {shown_uri(tracking_uri)} has the schema {found}, the MLflow installed here works "
                f"with {expected}; {_migration(tracking_uri, found)}"
            )
    connect(tracking_uri)
    return TrackingStore(schema=found)


def _migration(tracking_uri: str, found: str) -> str:
    """What to do about a schema that is not the installed MLflow's."""
    if found not in _known_revisions():
        return "it is of a later MLflow: install the release that its other users have"
    return f"back it up, then run `mlflow db upgrade {shown_uri(tracking_uri)}` while no search runs"


def _known_revisions() -> set[str]:
    """Those of the installed MLflow and of all before it."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    migrations = ScriptDirectory.from_config(_get_alembic_config(""))  # type: ignore[no-untyped-call]
    return {migration.revision for migration in migrations.walk_revisions()}


def _expected_revision() -> str:
    from mlflow.store.db.utils import _get_latest_schema_revision

    return str(_get_latest_schema_revision())  # type: ignore[no-untyped-call]


def _revision(tracking_uri: str, path: Path | None) -> str | None:
    """The revision that the database's tables have; None for a database without them, or another program's."""
    import sqlalchemy

    # Nothing is made: SQLite would create the file that it is asked about.
    url = tracking_uri if path is None else f"sqlite:///file:{path}?mode=ro&uri=true"
    try:
        engine = sqlalchemy.create_engine(url)
        try:
            with engine.connect() as connection:
                if not sqlalchemy.inspect(connection).has_table("alembic_version"):
                    return None
                return connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
        finally:
            engine.dispose()
    except (ModuleNotFoundError, sqlalchemy.exc.SQLAlchemyError):
        return None  # connecting says what is wrong, in its own words


def _check_place(path: Path, tracking_uri: str) -> None:
    """Raise UserError unless a database can be made there."""
    if path.exists() and not path.is_file():
        raise UserError(
            f"--mlflow-uri {tracking_uri}: cannot be written ({path} is no ordinary file); name another one"
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
    """What the server says of its release, to whom its password lets in; None where it does not."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        answer = http_request(
            get_default_host_creds(tracking_uri),  # type: ignore[no-untyped-call]
            "/version",
            "GET",
            max_retries=0,
            timeout=CONNECT_TIMEOUT_S,
            raise_on_status=False,
        )
        return str(Version(answer.text[:_VERSION_LENGTH])) if answer.status_code == 200 else None
    except (OSError, MlflowException, InvalidVersion):
        return None
