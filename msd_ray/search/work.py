"""What workers do for a launch: its trials in order, each a teacher, a student, or a student that is tested.

Every thing is kept under the key of what it is made from (see `storage`), so a trial that is started again goes on
where it was, and reports all its epochs again from the first, exactly as they were.
"""

import torch

from msd_ray.method.frozen import save_frozen_states
from msd_ray.method.loop import NonFiniteLossError
from msd_ray.method.parallel import Workers
from msd_ray.method.settings import TeacherSettings
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.storage.artifacts import StoredDirectory

from .context import Send, TrialContext
from .plans import Launch, TrialReport
from .results import FinalResults, Trained
from .students import StoredAverage, StoredStudent
from .teachers import StoredTeacher


def run_launch(launch: Launch, device: torch.device, send: Send) -> None:
    """Run the launch's trials in order; a loss that is not finite fails its trial, and the next one goes on."""
    torch.set_num_threads(launch.threads)
    for plan in launch.trials:
        context = TrialContext(plan=plan, experiment=launch.experiment, device=device, send=send)
        try:
            _store_frozen_states(context)
            done = _run_trial(context)
        except NonFiniteLossError as error:
            done = TrialReport(number=plan.number, stage="failed", finished=True, reason=str(error))
        send(done)


def _store_frozen_states(context: TrialContext) -> None:
    """Compute the states of the training corpora and of the dev set unless they are there.

    Nothing where the frozen layers run in each step. A final run's test set is not among them: it is tagged once, by
    the whole model, as users do.
    """
    run, corpora, storage = context.plan.run, context.experiment.corpora, context.experiment.storage
    if run.frozen_prefix == "train":
        return
    tagger: MultiChannelTagger | None = None
    for features in dict.fromkeys((corpora.source_train, corpora.target_train, context.dev)):
        directory = context.frozen_directory(features)
        with context.alone(StoredDirectory(storage=storage, path=directory)):
            if Workers.current().from_first(directory.is_dir):
                continue
            context.tell("frozen layers")  # by all workers: Ray Train takes a report from all or waits
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
    """The end of a trial: the dev scores of the chosen epoch, and what identifies its weights."""
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
