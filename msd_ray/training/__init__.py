"""Teachers and students are trained, scored and stored: plain torch, which knows no Ray, Optuna or MLflow."""

from .settings import (
    Configuration,
    OptimizerSettings,
    Precision,
    RunSettings,
    StudentSettings,
    TeacherSettings,
    to_json,
)

__all__ = [
    "Configuration",
    "OptimizerSettings",
    "Precision",
    "RunSettings",
    "StudentSettings",
    "TeacherSettings",
    "to_json",
]
