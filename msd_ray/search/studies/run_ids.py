"""The id of each trial's run in MLflow: an attribute of the trial, or of the study where the trial had ended before."""

from collections.abc import Iterable

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from msd_ray.search.studies.records import RUN_ID


def store_run_id(study: optuna.Study, storage: BaseStorage, trial: FrozenTrial, trial_id: int, run_id: str) -> None:
    """Store it; Optuna changes no finished trial."""
    if trial.user_attrs.get(RUN_ID) == run_id:
        return
    if trial.state.is_finished():
        study.set_user_attr(f"{RUN_ID}/{trial.number}", run_id)
    else:
        storage.set_trial_user_attr(trial_id, RUN_ID, run_id)


def stored_run_ids(study: optuna.Study, trials: Iterable[FrozenTrial]) -> dict[int, str]:
    """The ids by trial, as far as they are stored."""
    own = {trial.number: str(trial.user_attrs[RUN_ID]) for trial in trials if RUN_ID in trial.user_attrs}
    late = {}
    for key, run_id in study.user_attrs.items():
        name, _, number = key.partition("/")
        if name == RUN_ID:
            late[int(number)] = str(run_id)
    return own | late
