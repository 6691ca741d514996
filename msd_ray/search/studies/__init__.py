"""Studies of a search, in an Optuna database. The only package of the search that imports optuna.

phase.py        PhaseStudy: the study of one phase: proposals, reports, results
points.py       parameters of each trial: fixed, given or proposed
proposals.py    TPE with a sampler per trial, so that proposals survive restarts
records.py      TrialRecord: one trial as stored; retries; MLflow run ids
settings.py     the settings that a study was created with, and their comparison
stored.py       StoredStudy: reads studies without changing them
database.py     opens the database; its errors as user errors
session_lock.py exclusive lock of a study in PostgreSQL
inspection.py   versions and number of studies of a database, for the doctor
outages.py      retries while PostgreSQL is unavailable
"""

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
