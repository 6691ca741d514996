"""Run a launch on a worker: its trials in order, each a teacher, a student or a final run.

Artifacts are cached by a hash of everything that determines them (see `storage`). So a restarted trial resumes where it
stopped, and reports all its epochs again, unchanged.
"""

import torch

from msd_ray.method.frozen import save_frozen_states
from msd_ray.method.loop import NonFiniteLossError
from msd_ray.method.parallel import Workers
from msd_ray.method.settings import TeacherSettings
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.within_epoch import Warned
from msd_ray.storage.artifacts import StoredDirectory

from .context import Report, TrialContext
from .plans import Launch, TrialReport
from .results import FinalResults, Trained
from .students import StoredAverage, StoredStudent
from .teachers import StoredTeacher


def run_launch(launch: Launch, device: torch.device, report: Report, warned: Warned | None = None) -> None:
    """Run the launch's trials in order; a loss that is not finite fails its trial only."""
    torch.set_num_threads(launch.threads)
    for plan in launch.trials:
        context = TrialContext(plan=plan, experiment=launch.experiment, device=device, report=report, warned=warned)
        try:
            _store_frozen_states(context)
            done = _run_trial(context)
        except NonFiniteLossError as error:
            done = TrialReport(number=plan.number, stage="failed", finished=True, reason=str(error))
        report(done)


def _store_frozen_states(context: TrialContext) -> None:
    """Compute the frozen layers' output for the training corpora and the dev set, if the run uses it.

    Not for a final run's test set, which is tagged once, by the whole model.
    """
    run, corpora, storage = context.plan.run, context.experiment.corpora, context.experiment.storage
    if run.frozen_prefix == "train":
        return
    tagger: MultiChannelTagger | None = None
    for features in dict.fromkeys((corpora.source_train, corpora.target_train, context.dev)):
        directory = context.frozen_directory(features)
        with context.exclusive_lock(StoredDirectory(storage=storage, path=directory)):
            if Workers.current().from_first(directory.is_dir):
                continue
            context.report_stage("frozen layers")  # on all workers: Ray Train waits for a report from each
            if Workers.current().first:
                tagger = tagger or context.tagger(TeacherSettings()).eval()
                with context.inference():
                    save_frozen_states(directory, tagger, context.tokens(features), run.precision)


def _run_trial(context: TrialContext) -> TrialReport:
    first, *others = context.plan.configurations
    if first.student is None:
        teacher = StoredTeacher(context=context, settings=first.teachers[0], own=True)
        return _finished(context, teacher.trained, None)
    members = [StoredStudent.of(context, one, own=not others) for one in (first, *others)]
    student = StoredAverage(context=context, members=members).trained if others else members[0].trained
    return _finished(context, members[0].teachers[0].trained, student)


def _finished(context: TrialContext, teacher: Trained, student: Trained | None) -> TrialReport:
    """Final report of a trial: dev scores of the selected epoch, path and hash of its weights."""
    trained, storage = student or teacher, context.experiment.storage
    results: dict[str, float] = {}
    files: str | None = None
    if context.plan.scored is not None:
        final = FinalResults(context=context, scored=context.plan.scored, teacher=teacher, student=student)
        results, directory = final.metrics_and_files()
        files = str(directory.relative_to(storage.root))
    weights = trained.directory.weights_file(trained.chosen)
    return TrialReport(
        number=context.plan.number,
        stage="finished",
        timestamp_ms=trained.epochs[-1].timestamp_ms,
        metrics={
            **{name: value for name, value in trained.metrics.items() if name.startswith("dev_")},
            "best_epoch": trained.chosen,
            **results,
        },
        tags={
            "weights": str(weights.relative_to(storage.root)),
            "weights_sha256": trained.directory.weights_digest(trained.chosen),
        },
        finished=True,
        files=files,
    )
