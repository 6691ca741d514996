"""Measure the duration of a training from a few steps, for searches with `--hours`."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from msd_ray.common.errors import UserError
from msd_ray.method.checkpoints import TrainingDirectory
from msd_ray.method.loop import SpreadSteps, Task, train
from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.student import StudentTask
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.teacher import TeacherTask

from .budget import Seconds
from .configuration import PAPER_CONFIGURATION
from .context import TrialContext
from .final import remaining
from .plans import Experiment, TrialPlan
from .search import SearchSettings

STEPS = 4
"""Measured steps, in the second epoch; the first epoch is warm-up."""

Int64 = npt.NDArray[np.int64]
Step = TypeVar("Step", bound=tuple[Int64, Int64 | None])


def measure(experiment: Experiment, run: RunSettings, *, threads: int) -> Seconds:
    """Seconds of a teacher and of a student with both MMD losses on this machine's CPU, dev scores included.

    Stores nothing. The frozen layers run in every step, which takes slightly longer.
    """
    run = replace(run, frozen_prefix="train")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        plan = TrialPlan(phase="student", number=0, run=run, configurations=(PAPER_CONFIGURATION,))
        context = TrialContext(plan=plan, experiment=experiment, device=torch.device("cpu"), report=lambda _: None)
        corpora = experiment.corpora
        teacher, student = TeacherSettings(), StudentSettings()
        labelled = TeacherTask(settings=teacher, run=run, train=context.labelled(corpora.source_train))
        target, source = context.unlabelled(corpora.target_train), context.unlabelled(corpora.source_train)
        model = context.tagger(teacher)
        classes, width = len(corpora.label_names), model.encoder.config.hidden_size
        outputs = TeacherOutputs(
            soft_labels=torch.full((target.words, model.channels, classes), 1 / classes),
            source_cls=torch.zeros(len(source.lengths), width),
        )
        distilled = StudentTask(settings=student, run=run, target=target, source=source, teacher=outputs, dev={})
        scoring, teachers, students = _scoring_s(context, model), run.of_teacher, run.of_student
        return Seconds(
            teacher=teachers.candidates * scoring
            + teachers.epochs * _epoch_s(model, labelled, source.lengths, teacher, teachers),
            student=students.candidates * scoring
            + students.epochs * _epoch_s(model, distilled, target.lengths, student, students),
        )
    finally:
        torch.set_num_threads(before)


def _epoch_s(
    model: MultiChannelTagger,
    task: Task[Step],
    lengths: Int64,
    settings: TeacherSettings | StudentSettings,
    run: RunSettings,
) -> float:
    few = SpreadSteps(task, lambda step: int(lengths[step[0]].sum()), STEPS)
    with tempfile.TemporaryDirectory() as directory:
        record = train(
            model,
            few,
            optimizer_settings=settings,
            run=replace(run, epochs=2, average_epochs=1),
            directory=TrainingDirectory(path=Path(directory), keep=lambda _: []),
            device=torch.device("cpu"),
            report=lambda _: None,
        )
    return record.epochs[-1].metrics["time/train_seconds"] * task.steps_per_epoch / few.steps_per_epoch


def _scoring_s(context: TrialContext, model: MultiChannelTagger) -> float:
    model.eval()
    ((_, dev),) = context.dev_sets().items()
    started = time.perf_counter()
    with context.inference():
        dev.scores(model)
    return time.perf_counter() - started


def check_hours(settings: SearchSettings, expected: Seconds, concurrent: int) -> None:
    """Raise UserError if not even one student fits into the hours of the search."""
    hours = settings.budget.hours
    needed = expected.teacher + expected.student + remaining(settings).seconds(expected, concurrent)
    if hours is not None and needed > 3600 * hours:
        raise UserError(
            f"--hours {hours:g} is too short: one teacher, one student, the confirmation runs and the final runs take "
            f"about {needed / 3600:.2g} hours here ({expected.teacher:.0f} s per teacher, {expected.student:.0f} s per "
            "student, just measured). Increase --hours, or reduce --seeds, --confirm, --epochs, --limit or "
            "--target-limit."
        )
