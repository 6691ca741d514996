"""Opens the study database, converts its errors to user errors, and checks the settings of a study."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.study import StudyDirection

from msd_ray.common.errors import UserError
from msd_ray.common.shell import command
from msd_ray.common.sqlite import ADVICE, is_locked, locked_by, sqlite_file
from msd_ray.common.text import without_passwords

from ..parameters import JSON
from .outages import StorageUnavailableError, is_outage
from .settings import differences

_SETTINGS = "settings"  # study attribute
METRIC = "dev F1"
_BUSY_TIMEOUT = 60.0  # seconds that a write waits for another process on the same SQLite file, in each attempt


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Convert errors of the database to a `UserError` with its URL, without password."""
    try:
        yield
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        advice, file = _advice(url), sqlite_file(url)
        unavailable = url.startswith("postgresql") and is_outage(error)
        if is_locked(error):
            unavailable, advice = True, ADVICE
            reason = locked_by(file) if file is not None else reason
        raise (StorageUnavailableError if unavailable else UserError)(
            f"cannot use the study storage {without_password(url)}: {reason}; {advice}"
        ) from error


def open_storage(url: str) -> RDBStorage:
    """Open the database; create Optuna's tables if it is new.

    Raises:
        UserError: the driver is not installed, or the database is of another program or Optuna version.
        SQLAlchemyError, StorageInternalError: other errors; see `storage_errors`.
    """
    _check_supported(url)
    url, options = with_driver(url), _engine_options(url)
    try:
        _check_own_tables(url, options)
        return RDBStorage(url.replace("{", "{{").replace("}", "}}"), engine_kwargs=options)  # Optuna formats it
    except ImportError as error:
        raise UserError(
            f"cannot use the study storage {without_password(url)}: its database driver is not installed; "
            "for PostgreSQL run `pip install 'psycopg[binary]'`"
        ) from error
    except RuntimeError as error:
        what, _, advised = str(error).partition(". Please ")
        raise UserError(
            f"cannot use the study storage {without_password(url)}: {what}; {_migration(url, advised)}"
        ) from error


def cached(storage: RDBStorage) -> BaseStorage:
    """The same database with a cache, through which each finished trial is read once.

    Optuna creates such a cache whenever it loads a study; a shared one avoids reading all trials again.
    """
    return get_storage(storage)


def open_study(storage: BaseStorage, name: str, settings: Mapping[str, JSON], url: str) -> optuna.Study:
    """Create the study with these settings, or open it if its settings are equal.

    Raises:
        UserError: the settings differ (the message has both values), or another program created the study.
    """
    study = optuna.create_study(
        study_name=name, storage=storage, direction=StudyDirection.MAXIMIZE, load_if_exists=True
    )
    if not check_settings(study, settings, url):
        study.set_user_attr(_SETTINGS, dict(settings))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([METRIC])  # the name of the value on a dashboard
    return study


def check_settings(study: optuna.Study, settings: Mapping[str, JSON], url: str) -> bool:
    """Whether the study has these settings; False if it has none: it is new, or its driver was killed before.

    Raises:
        UserError: the settings differ (the message has both values), or another program created the study.
    """
    stored = stored_settings(study)
    where = f"study `{study.study_name}` in {without_password(url)}"
    if stored is None and not study.get_trials(deepcopy=False):
        return False
    if stored is None or study.directions != [StudyDirection.MAXIMIZE]:
        raise UserError(f"{where} was created by another program; choose another --name")
    if lines := differences(stored, settings):
        raise UserError(
            f"{where} was created with other settings:\n  " + "\n  ".join(lines) + "\n"
            "Use the same settings to resume it, or another --name for a new study."
        )
    return True


def stored_settings(study: optuna.Study) -> dict[str, JSON] | None:
    """The settings that the study was created with; None if it has none."""
    settings: dict[str, JSON] | None = study.user_attrs.get(_SETTINGS)
    return settings


@contextmanager
def existing_storage(url: str) -> Iterator[RDBStorage | None]:
    """The database for reading; None if it has no studies yet. Creates nothing.

    Raises:
        UserError: as `open_storage` and `storage_errors`.
    """
    with storage_errors(url):
        storage = open_storage(url) if _has_studies(url) else None
        try:
            yield storage
        finally:
            if storage is not None:
                storage.remove_session()
                storage.engine.dispose()


def check_storage(url: str) -> None:
    """Check that the database is usable; creates its tables but no study. Raises UserError."""
    with storage_errors(url):
        open_storage(url).engine.dispose()


def _has_studies(url: str) -> bool:
    """Whether the database exists and has tables. A missing SQLite file is not opened: that would create it."""
    _check_supported(url)
    file = sqlalchemy.make_url(url).database or ""
    if url.startswith("sqlite") and not file.startswith("file:") and not Path(file).exists():
        return False
    try:
        engine = sqlalchemy.create_engine(with_driver(url), **_engine_options(url))
    except ImportError:
        return True  # opening it reports the missing driver
    try:
        # Opening it reports tables of another program.
        return bool(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def with_driver(url: str) -> str:
    """The URL with an explicit driver: the default for `postgresql` differs between versions of SQLAlchemy."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1) if url.startswith("postgresql://") else url


def _engine_options(url: str) -> dict[str, Any]:
    sqlite = url.startswith("sqlite")
    return {"connect_args": {"timeout": _BUSY_TIMEOUT}} if sqlite else {"pool_pre_ping": True}


def _check_supported(url: str) -> None:
    """Raise UserError for unsupported databases, and for SQLite in memory, which would lose the studies."""
    parts = sqlalchemy.make_url(url)
    kind = parts.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise UserError(f"cannot use the study storage {without_password(url)}: {_advice(url)}")
    if kind == "sqlite" and parts.database in (None, "", ":memory:"):
        raise UserError(f"the study storage {url} names no file: studies would be lost; {_advice('')}")


def _check_own_tables(url: str, options: dict[str, Any]) -> None:
    """Raise UserError for a database of another program, before Optuna adds its tables."""
    engine = sqlalchemy.create_engine(url, **options)
    try:
        tables = set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()
    # A PostgreSQL database may be shared, but not with a program that uses the same table for its schema version.
    foreign = tables if url.startswith("sqlite") else tables & {"alembic_version"}
    if foreign and not tables & {"studies", "version_info"}:
        raise UserError(
            f"{without_password(url)} has tables of another program ({', '.join(sorted(tables)[:3])}, ...); "
            "use a separate database for studies"
        )


def without_password(url: str) -> str:
    """The URL for messages."""
    try:
        # SQLAlchemy hides the password before the host, but not one in the query.
        return without_passwords(sqlalchemy.make_url(url).render_as_string(hide_password=True))
    except sqlalchemy.exc.ArgumentError:
        return f"`{without_passwords(url)}`"


def _migration(url: str, advised: str) -> str:
    """Optuna's advice for a database of another release, as a command that works when pasted."""
    if "storage upgrade" in advised:
        upgrade = command("optuna", "storage", "upgrade", "--storage", without_password(url))
        return f"an earlier optuna created it: back it up, then run `{upgrade}` while no search is running"
    if "updating optuna" in advised:
        upgrade = command("python", "-m", "pip", "install", "--upgrade", "optuna")
        return f"a later optuna created it: run `{upgrade}`, or give another --study-storage"
    return _advice(url)


def _advice(url: str) -> str:
    if url.startswith("sqlite"):
        return "check that its directory exists, that it is writable, and that the file is a study database"
    if url.startswith("postgresql"):
        return "check that the server runs and that address, user, password and database are right"
    return "use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
