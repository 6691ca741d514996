"""Checks that `tune` and `ablate` run before they start; the first failure ends the command."""

from collections.abc import Sequence

from rich.console import Console

from msd_ray.cli.options import TuneOptions
from msd_ray.cli.setup import Setup
from msd_ray.data.encoders.loading import encoder_skeleton

from .disk import Trainings
from .finding import refuse
from .memory import Shape
from .quick import Places, quick_findings


def check_places(setups: Sequence[Setup], options: TuneOptions, console: Console) -> None:
    """Check databases, storage and free space. Raises UserError for the first failure."""
    refuse(quick_findings(_places(setups, options)), console)


def _places(setups: Sequence[Setup], options: TuneOptions) -> Places:
    """Storage and databases of the studies, and upper bounds of their trainings."""
    first = setups[0]
    run, finals = first.settings.run, options.final_rows * options.seeds
    return Places(
        storage=first.storage,
        study_storage=first.study_storage,
        mlflow_uri=first.mlflow_uri,
        trainings=Trainings(
            checkpoint=Shape.of(encoder_skeleton(first.encoder), run.frozen_layers).checkpoint,
            epochs=run.epochs,
            teachers=first.settings.teacher_trials + finals,
            students=len(setups) * (first.settings.trials + finals),
        ),
    )
