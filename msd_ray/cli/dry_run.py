"""`--dry-run` of `tune` and `ablate`: check what a run would check, and print what it would do and cost."""

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil

import torch
from rich.console import Console

from msd_ray.common.text import count_of
from msd_ray.search.budget import Remaining, Seconds
from msd_ray.search.on_ray.cluster import cluster, concurrent_trials, concurrent_trials_on
from msd_ray.search.on_ray.resources import Room
from msd_ray.search.phase_status import PhaseStatus
from msd_ray.storage.layout import Storage

from .console import print_line, print_pairs, working
from .options import TuneOptions
from .search_settings import resources_of
from .setup import Setup
from .study_file import write_study_file


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """What a command checks and would run.

    Args:
        preflight: raises UserError if a search cannot run here.
        check: raises UserError for a study that cannot be resumed.
        status: status of the phases of a study.
        work: trainings that are left, at most.
        measure: duration of one training on this machine's CPU; raises UserError for unusable inputs, and if `--hours`
            is too short.
    """

    preflight: Callable[[], None]
    check: Callable[[Setup], None]
    status: Callable[[Setup], Iterable[PhaseStatus]]
    work: Callable[[Setup, Sequence[PhaseStatus]], Remaining]
    measure: Callable[[Setup], Seconds]


def dry_run(setups: Sequence[Setup], options: TuneOptions, console: Console, planned: PlannedRun) -> int:
    """Run all checks, print what is left to do and its cost, write the study file. Starts and stores nothing.

    Raises: UserError for the first thing that the run would refuse.
    """
    with working(console, "Checking storage, databases and resources"):
        planned.preflight()
        for setup in setups:
            _refuse_running(setup)
            planned.check(setup)
        concurrent = _concurrent(options)
    for setup in setups:
        phases = list(planned.status(setup))
        work, cost = planned.work(setup, phases), "nothing to train"
        if work.teachers + work.students:
            with working(console, "Measuring a few steps"), tempfile.TemporaryDirectory() as directory:
                each = planned.measure(replace(setup, storage=Storage.at(directory)))
            cost = _cost(setup, work, each, concurrent)
        print_pairs(console, [*((f"{phase.name} phase", status_text(phase)) for phase in phases), ("cost", cost)])
    if options.write_config is not None:
        write_study_file(setups[0].study_file, options.write_config)
    print_line(console, "Dry run: nothing was started or stored.")
    return 0


def status_text(phase: PhaseStatus) -> str:
    """`4 of 4 trials there, nothing to do; --trials 8 adds 4`."""
    there = f"{phase.ended} of {count_of(phase.total, 'trial')} there"
    if not phase.finished:
        return f"{there}, {phase.total - phase.ended} to run"
    enough = max(2 * phase.requested, phase.total + 1)
    more = f"; {phase.extended_by} {enough} adds {enough - phase.total}" if phase.extended_by else ""
    return f"{there}, nothing to do{more}"


def _refuse_running(setup: Setup) -> None:
    """Raise UserError if another process runs the study."""
    storage, name = setup.storage, setup.settings.name
    # Without a lock file nobody has run it in this directory, and taking the lock would write one.
    if storage.store is not None or (storage.root / "studies" / f"{name}.lock").exists():
        with storage.study_lock(name):
            pass


def _concurrent(options: TuneOptions) -> int:
    """Number of concurrent trials. Raises UserError if none fits."""
    resources = resources_of(options)
    if os.environ.get("RAY_ADDRESS"):
        with cluster():  # joins it and leaves it
            return concurrent_trials(resources)
    here = Room(cpus=len(os.sched_getaffinity(0)), gpus=torch.cuda.device_count())
    return concurrent_trials_on([here], resources)


def _cost(setup: Setup, work: Remaining, each: Seconds, concurrent: int) -> str:
    """Trainings, steps, and hours."""
    run, counts = setup.settings.run, setup.corpora.counts
    teacher = run.epochs * ceil(counts["source_train"] / run.batch_size)
    student = run.of_student.epochs * ceil(counts["target_train"] / run.batch_size)
    all_steps = work.teachers * teacher + work.students * student
    trained = f"at most {work.teachers} teachers and {work.students} students, {all_steps:,} steps"
    if setup.gpus:
        return f"{trained}; hours are not estimated, because only this machine's CPU is measured and trials use GPUs"
    hours = work.seconds(each, concurrent) / 3600
    return (
        f"{trained}, about {hours:.2g} hours with {concurrent} at once ({each.teacher:.0f} s per teacher, "
        f"{each.student:.0f} s per student, from a few steps on this machine)"
    )
