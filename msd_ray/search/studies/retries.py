"""Failed trials run again, each as a trial of its own.

FAIL is final in Optuna, as every ended state is. A retry is what Optuna's own `RetryHeartbeatStaleTrialCallback` makes:
a new trial with the same parameters, enqueued, with an attribute that names the failed one. Both stay in the study.
"""

from collections.abc import Mapping, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from msd_ray.search.parameters import JSON
from msd_ray.search.studies.records import CONFIGURATION, RETRY_OF


def originals(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that are no retries; these are what a study has a number of."""
    return [trial for trial in trials if RETRY_OF not in trial.user_attrs]


def to_retry(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the original trials that failed and whose retries, if there are any, failed too."""
    not_failed = {trial.user_attrs.get(RETRY_OF) for trial in trials if trial.state != TrialState.FAIL}
    failed = [trial for trial in originals(trials) if trial.state == TrialState.FAIL]
    return [trial for trial in failed if trial.number not in not_failed]


def enqueue_retry(study: optuna.Study, trial: FrozenTrial, parameters: Mapping[str, JSON]) -> None:
    """Add a waiting trial with the same parameters, in one transaction."""
    attributes = {RETRY_OF: trial.number, CONFIGURATION: dict(parameters)}
    study.enqueue_trial(dict(parameters), user_attrs=attributes)
