"""Reads studies from the database without creating or changing anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.storages import RDBStorage

from ..early_stopping import Pruning
from ..parameters import JSON, Parameter
from .database import check_settings, existing_storage, stored_settings
from .records import TrialRecord, record
from .settings import study_settings


@dataclass(frozen=True, kw_only=True)
class StoredStudy:
    """A study. settings: those that it was created with. trials: sorted by number."""

    name: str
    settings: Mapping[str, JSON]
    trials: tuple[TrialRecord, ...]


def study_names(storage_url: str) -> list[str]:
    """The sorted names of all studies in the database; empty if it does not exist.

    Raises:
        UserError: the database is unreachable or not a study database.
    """
    with existing_storage(storage_url) as storage:
        return [] if storage is None else sorted(optuna.get_all_study_names(storage))


def read_study(storage_url: str, name: str) -> StoredStudy | None:
    """Read a study; None if it does not exist, has no settings yet, or was created by another program.

    Raises:
        UserError: the database is unreachable or not a study database.
    """
    with existing_storage(storage_url) as storage:
        study = _find(storage, name)
        settings = None if study is None else stored_settings(study)
        if study is None or settings is None:
            return None
        trials = sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number)
        return StoredStudy(name=name, settings=settings, trials=tuple(record(trial, {}) for trial in trials))


def check_study(
    storage_url: str,
    name: str,
    *,
    space: Mapping[str, Parameter],
    settings: Mapping[str, JSON],
    seed: int,
    first: Sequence[Mapping[str, JSON]] = (),
    pruning: Pruning | None = None,
) -> None:
    """Check that `PhaseStudy.open` with the same arguments would open the study, if it exists; change nothing.

    Raises:
        UserError: as `PhaseStudy.open` does.
    """
    given = study_settings(settings, space=space, seed=seed, first=first, pruning=pruning)
    with existing_storage(storage_url) as storage:
        study = _find(storage, name)
        if study is not None:
            check_settings(study, given, storage_url)


def _find(storage: RDBStorage | None, name: str) -> optuna.Study | None:
    if storage is None or name not in optuna.get_all_study_names(storage):
        return None
    return optuna.load_study(study_name=name, storage=storage)
