"""Studies: what was tried in a phase, kept in an Optuna database; the one place that knows Optuna."""

from msd_ray.search.asha import Pruning
from msd_ray.search.studies.database import check_storage
from msd_ray.search.studies.phase import PhaseStudy
from msd_ray.search.studies.proposals import START_UP_TRIALS
from msd_ray.search.studies.records import State, TrialRecord
from msd_ray.search.studies.stored import StoredStudy, check_study, read_study, study_names

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
