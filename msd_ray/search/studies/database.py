"""The database of the studies: opened with every problem told as one message, and the check of a study's settings."""

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
from msd_ray.common.text import without_passwords

from ..parameters import JSON
from .outages import StorageAwayError, is_outage
from .settings import differences

_SETTINGS = "settings"  # study attribute
METRIC = "dev F1"
_BUSY_TIMEOUT = 60.0  # seconds that a write waits for another process, such as a dashboard, with the same SQLite file


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what the database complains about into a `UserError` that names it, without its password."""
    try:
        yield
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = (str(cause).splitlines() or [type(cause).__name__])[0]
        # An SQLite file has been waited for already.
        away = url.startswith("postgresql") and is_outage(error)
        raise (StorageAwayError if away else UserError)(
            f"cannot use the study storage {_without_password(url)}: {reason}; {_advice(url)}"
        ) from error


def open_storage(url: str) -> RDBStorage:
    """Open the database, with Optuna's tables made if it is new.

    Raises:
        UserError: the driver is not installed, or the database is another program's or another Optuna version's.
        SQLAlchemyError, StorageInternalError: anything else; see `storage_errors`.
    """
    _refuse_kind(url)
    url, options = _with_driver(url), _engine_options(url)
    try:
        _refuse_foreign(url, options)
        return RDBStorage(url.replace("{", "{{").replace("}", "}}"), engine_kwargs=options)  # Optuna formats it
    except ImportError as error:
        raise UserError(
            f"cannot use the study storage {_without_password(url)}: its database driver is not installed; "
            "PostgreSQL needs `pip install 'psycopg[binary]'`"
        ) from error
    except RuntimeError as error:
        raise UserError(f"cannot use the study storage {_without_password(url)}: {error}") from error


def cached(storage: RDBStorage) -> BaseStorage:
    """The same database, of which a trial that has ended is read once.

    Optuna puts such a view around a database whenever a study is loaded; one that is shared stays small in its
    queries however many trials there are.
    """
    return get_storage(storage)


def open_study(storage: BaseStorage, name: str, settings: Mapping[str, JSON], url: str) -> optuna.Study:
    """Create the study with its settings, or open it if its settings are the same.

    Raises:
        UserError: other settings (each named with both values), or a study that another program made.
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
    """Whether the study has these settings; False for one that has none yet: new, or its maker died before.

    Raises:
        UserError: other settings (each named with both values), or a study that another program made.
    """
    stored = stored_settings(study)
    where = f"study `{study.study_name}` in {_without_password(url)}"
    if stored is None and not study.get_trials(deepcopy=False):
        return False
    if stored is None or study.directions != [StudyDirection.MAXIMIZE]:
        raise UserError(f"{where} was made by another program; choose another --name")
    if lines := differences(stored, settings):
        raise UserError(
            f"{where} was made with other settings:\n  " + "\n  ".join(lines) + "\n"
            "Use the same settings to go on with it, or another --name for a new study."
        )
    return True


def stored_settings(study: optuna.Study) -> dict[str, JSON] | None:
    """The settings that the study was made with; None if it has none."""
    settings: dict[str, JSON] | None = study.user_attrs.get(_SETTINGS)
    return settings


@contextmanager
def existing_storage(url: str) -> Iterator[RDBStorage | None]:
    """The database for reading; None where there are no studies yet, and then nothing is made.

    Raises UserError as `open_storage` does, and for whatever the database complains about.
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
    """See that the database can be used, and make no study. Raises UserError if it cannot."""
    with storage_errors(url):
        open_storage(url).engine.dispose()


def _has_studies(url: str) -> bool:
    """Whether there is a database that holds Optuna's tables. SQLite would make the file that it is asked about."""
    _refuse_kind(url)
    file = sqlalchemy.make_url(url).database or ""
    if url.startswith("sqlite") and not file.startswith("file:") and not Path(file).exists():
        return False
    try:
        engine = sqlalchemy.create_engine(_with_driver(url), **_engine_options(url))
    except ImportError:
        return True  # opening it says what is missing
    try:
        # A database with other tables only is another program's, which opening it says.
        return bool(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def _with_driver(url: str) -> str:
    """What `postgresql` alone means has changed between SQLAlchemy's versions."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1) if url.startswith("postgresql://") else url


def _engine_options(url: str) -> dict[str, Any]:
    sqlite = url.startswith("sqlite")
    return {"connect_args": {"timeout": _BUSY_TIMEOUT}} if sqlite else {"pool_pre_ping": True}


def _refuse_kind(url: str) -> None:
    """Refuse what is no database that is supported, and one that would forget the studies."""
    parts = sqlalchemy.make_url(url)
    kind = parts.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise UserError(f"cannot use the study storage {_without_password(url)}: {_advice(url)}")
    if kind == "sqlite" and parts.database in (None, "", ":memory:"):
        raise UserError(f"the study storage {url} names no file: studies would be lost; {_advice('')}")


def _refuse_foreign(url: str, options: dict[str, Any]) -> None:
    """Refuse a database of another program before Optuna adds its tables to it."""
    engine = sqlalchemy.create_engine(url, **options)
    try:
        tables = set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()
    # A PostgreSQL database may be shared, but not with a program that keeps its schema version in the same table.
    foreign = tables if url.startswith("sqlite") else tables & {"alembic_version"}
    if foreign and not tables & {"studies", "version_info"}:
        raise UserError(
            f"{_without_password(url)} holds another program's tables ({', '.join(sorted(tables)[:3])}, ...); "
            "give studies a database of their own"
        )


def _without_password(url: str) -> str:
    try:
        # SQLAlchemy hides what stands before the host, not what stands in the query.
        return without_passwords(sqlalchemy.make_url(url).render_as_string(hide_password=True))
    except sqlalchemy.exc.ArgumentError:
        return f"`{without_passwords(url)}`"


def _advice(url: str) -> str:
    if url.startswith("sqlite"):
        return "check that its directory exists, that it is writable, and that the file is a study database"
    if url.startswith("postgresql"):
        return "check that the server runs and that address, user, password and database are right"
    return "give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
