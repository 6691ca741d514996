"""Settings of a search from options: no corpus, no encoder; of the database only what `--warm-start` names."""

import math
import os
from collections.abc import Mapping, Sequence

import torch

from msd_ray.common.errors import UserError
from msd_ray.common.sqlite import sqlite_url
from msd_ray.method.device import resolve_precision
from msd_ray.method.settings import Precision, RunSettings
from msd_ray.method.variants import FINAL_ROWS
from msd_ray.search.budget import Budget
from msd_ray.search.configuration import AVERAGE, BEST
from msd_ray.search.on_ray.resources import Resources
from msd_ray.search.parameters import JSON, Parameter
from msd_ray.search.search import SearchSettings
from msd_ray.search.spaces import SearchSpace, load_space
from msd_ray.search.studies.points import Points
from msd_ray.search.warm_start import NO_WARM_START, WarmStart, warm_start
from msd_ray.storage.layout import Storage

from .option_table import AVERAGE_EPOCHS, TEACHER_TRIALS
from .options import TuneOptions


def search_settings(
    options: TuneOptions, lang: str, *, space: SearchSpace, precision: Precision, study_storage: str
) -> SearchSettings:
    """Settings of the search for one language. Raises UserError for options that contradict each other."""
    warm = warm_start(
        study_storage,
        options.study_name(lang),
        studies=options.warm_start or (),
        trials=options.warm_start_trials,
        space=space,
    )
    return SearchSettings(
        name=options.study_name(lang),
        space=space,
        run=_run(options, precision),
        trials=options.trials,
        teacher_trials=teacher_trials(options, space),
        seeds=options.seeds,
        rows=rows_of(options, space, warm),
        confirm=options.confirm,
        budget=Budget(hours=options.hours, patience=options.patience),
        grace=options.grace_epochs,
        warm_start=warm,
        retry_failed=options.retry_failed,
    )


def stored_searches(options: TuneOptions) -> list[tuple[SearchSettings, str]]:
    """Settings of each language's search, and the database of its study, before any corpus is read.

    The precision is not resolved, which may need a cluster; the status of a study does not depend on it.
    """
    space, url = load_space(options.space), study_storage_of(options, Storage.at(options.storage))
    return [
        (search_settings(options, lang, space=space, precision="fp32", study_storage=url), url) for lang in options.lang
    ]


def study_storage_of(options: TuneOptions, storage: Storage) -> str:
    """URL of the database of studies."""
    return options.study_storage or sqlite_url(storage.root / "studies.db")


def gpus_per_trial(options: TuneOptions) -> float:
    """GPUs of each worker: by default one if this machine has any."""
    if options.gpus_per_trial is None:
        return 1.0 if torch.cuda.is_available() else 0.0
    return options.gpus_per_trial


def resources_of(options: TuneOptions) -> Resources:
    """Resources of each trial."""
    return Resources(
        workers=options.workers,
        cpus=options.cpus_per_trial,
        gpus=gpus_per_trial(options),
        concurrent=options.max_concurrent,
    )


def wait_seconds(options: TuneOptions) -> float:
    """Seconds that trials may wait for resources; no limit on a cluster, to which nodes may be added at any time."""
    if options.wait_hours is not None:
        return 3600 * options.wait_hours
    return math.inf if os.environ.get("RAY_ADDRESS") else 60 * options.stall_minutes


def precision_of(options: TuneOptions, gpus: float) -> tuple[Precision, str]:
    """The precision of all trials, and the answers of a cluster's GPU nodes if they determined it, else "".

    On a cluster they do even if this machine has a GPU: others may have slower ones.

    Raises:
        UserError: `--precision auto`, and the GPUs are on a cluster that does not answer or has none yet.
    """
    if options.precision == "auto" and gpus > 0 and os.environ.get("RAY_ADDRESS"):
        from msd_ray.search.on_ray.precision import cluster_precision

        return cluster_precision()
    return resolve_precision(options.precision, torch.device("cuda" if gpus else "cpu")), ""


def _run(options: TuneOptions, precision: Precision) -> RunSettings:
    return RunSettings(
        seed=options.seed,
        epochs=options.epochs,
        student_epochs=options.student_epochs,
        batch_size=options.batch_size,
        max_length=options.max_length,
        frozen_layers=options.frozen_layers,
        precision=precision,
        average_epochs=options.average_epochs or min(AVERAGE_EPOCHS, options.epochs),
        pairing=options.pairing,
        loss_mean=options.loss_mean,
        dropout_masks=options.dropout_masks,
        frozen_prefix=options.frozen_prefix,
    )


def teacher_trials(options: TuneOptions, space: SearchSpace) -> int:
    """Number of teacher trials. Raises UserError if the space lets students learn from more teachers."""
    trials = options.teacher_trials or points_of(space.teacher, space.first_teachers) or TEACHER_TRIALS
    if space.most_teachers > trials:
        raise UserError(
            f"the search space {space.name} lets students learn from {space.most_teachers} teachers, but "
            f"{trials} {'is' if trials == 1 else 'are'} trained: give --teacher-trials {space.most_teachers}, or a "
            "space with fewer `teachers`"
        )
    return trials


def points_of(parameters: Mapping[str, Parameter], first: Sequence[Mapping[str, JSON]]) -> int | None:
    """Number of points of a phase without searched parameters: `first` and the space's own; None if one is searched."""
    return Points(parameters, seed=0, first=first).count


def rows_of(options: TuneOptions, space: SearchSpace, warm: WarmStart = NO_WARM_START) -> tuple[str, ...]:
    """Rows of the final table, in order. Raises UserError for an unknown or impossible row."""
    given = options.rows
    if unknown := [name for name in given or () if name not in FINAL_ROWS]:
        raise UserError(f"--rows {unknown[0]}: unknown; choose from {', '.join(FINAL_ROWS)}")
    if given is not None and BEST not in given:
        raise UserError(f"--rows {' '.join(given)}: {BEST} is what the search is for; name it too")
    problem = None
    if not space.may_average:
        problem = (
            f"the search space {space.name} lets students start at their teachers (`init`), and students that do not "
            "start with the same weights have no useful mean"
        )
    elif any(trial.parameters.get("init", "encoder") != "encoder" for trial in warm.students):
        problem = (
            f"{' '.join(warm.studies)} brings students that start at their teachers (--warm-start), and students that "
            "do not start with the same weights have no useful mean"
        )
    elif options.confirm < 2:
        problem = f"--confirm {options.confirm} leaves one configuration, and the mean of one student is the student"
    if problem is not None and given is not None and AVERAGE in given:
        raise UserError(f"--rows {AVERAGE}: {problem}; leave the row out, or change that")
    return tuple(name for name in FINAL_ROWS if name in (given or FINAL_ROWS) and (name != AVERAGE or problem is None))
