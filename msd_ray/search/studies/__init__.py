"""Studies: what was tried in a phase, kept in an Optuna database; the one place that knows Optuna."""

from ..early_stopping import Pruning
from .database import check_storage
from .phase import PhaseStudy
from .proposals import START_UP_TRIALS
from .records import State, TrialRecord
from .stored import StoredStudy, check_study, read_study, study_names

__all__ = [
    "START_UP_TRIALS",
    "PhaseStudy",
    "Pruning",
    "State",
    "StoredStudy",
    "TrialRecord",
    "check_storage",
    "check_study",
    "read_study",
    "study_names",
]
