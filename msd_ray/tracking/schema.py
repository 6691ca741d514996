"""Schema revision of an MLflow database, checked before MLflow opens it.

MLflow migrates a database of an earlier release that lacks a table, without a backup, and advises an upgrade of a
database that a later release created.
"""

import sqlite3
from functools import cache
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.common.shell import command

from .uri import shown_uri


def check_schema(tracking_uri: str, path: Path | None) -> str | None:
    """The schema revision; None if the database has no MLflow tables or the connection fails. Changes nothing.

    Args:
        tracking_uri: of a database.
        path: its file, if it is a SQLite database.

    Raises:
        UserError: the revision is not the installed MLflow's.
    """
    found = _revision(tracking_uri, path)
    if found is None or found == _expected_revision():
        return found
    raise UserError(
        f"MLflow's database {shown_uri(tracking_uri)} has the schema {found}, the installed MLflow requires "
        f"{_expected_revision()}; {_migration(tracking_uri, found)}"
    )


def _migration(tracking_uri: str, found: str) -> str:
    """Advice for a schema that is not the installed MLflow's."""
    if found not in _known_revisions():
        upgrade = command("python", "-m", "pip", "install", "--upgrade", "mlflow")
        return f"a later MLflow created it: run `{upgrade}`, or give another --mlflow-uri"
    upgrade = command("mlflow", "db", "upgrade", shown_uri(tracking_uri))
    return f"an earlier MLflow created it: back it up, then run `{upgrade}` while no search is running"


@cache
def _known_revisions() -> frozenset[str]:
    """Schema revisions of the installed MLflow and all earlier releases."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    migrations = ScriptDirectory.from_config(_get_alembic_config(""))  # type: ignore[no-untyped-call]
    return frozenset(migration.revision for migration in migrations.walk_revisions())


@cache
def _expected_revision() -> str:
    from mlflow.store.db.utils import _get_latest_schema_revision

    return str(_get_latest_schema_revision())  # type: ignore[no-untyped-call]


def _revision(tracking_uri: str, path: Path | None) -> str | None:
    import sqlalchemy

    # Read-only: SQLite would create a missing file.
    try:
        if path is None:
            engine = sqlalchemy.create_engine(tracking_uri)
        else:
            read_only = f"{path.as_uri()}?mode=ro"
            engine = sqlalchemy.create_engine("sqlite://", creator=lambda: sqlite3.connect(read_only, uri=True))
        try:
            with engine.connect() as connection:
                if not sqlalchemy.inspect(connection).has_table("alembic_version"):
                    return None
                return connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
        finally:
            engine.dispose()
    except (ModuleNotFoundError, sqlalchemy.exc.SQLAlchemyError):
        return None  # connecting will report the error
