"""What workers do for a launch: its trials in order, each a teacher, a student, or a student that is tested.

Every thing is kept under the key of what it is made from (see `storage`), so a trial that is started again goes on
where it was, and reports all its epochs again from the first, exactly as they were.
"""

from dataclasses import dataclass
from functools import cached_property

import torch

from ..model import MultiChannelTagger
from ..training import StudentSettings, to_json
from ..training.checkpoints import EpochRecord, TrainingDirectory
from ..training.loop import NonFiniteLossError, train
from ..training.outputs import load_outputs
from ..training.parallel import Workers
from ..training.scores import DEV_SOURCE_F1, DEV_TARGET_F1, best_epoch
from ..training.student import StudentTask
from .context import Send, TrialContext, load_epoch
from .kept import KeptTraining, training_directory
from .plans import Launch, TrialReport
from .results import FinalResults, Trained
from .storage import content_key
from .teachers import StoredTeacher


def run_launch(launch: Launch, device: torch.device, send: Send) -> None:
    """Run the launch's trials in order; a loss that is not finite fails its trial, and the next one goes on."""
    torch.set_num_threads(launch.threads)
    for plan in launch.trials:
        context = TrialContext(plan=plan, experiment=launch.experiment, device=device, send=send)
        try:
            done = _run_trial(context)
        except NonFiniteLossError as error:
            done = TrialReport(number=plan.number, stage="failed", finished=True, reason=str(error))
        send(done)


def _run_trial(context: TrialContext) -> TrialReport:
    plan = context.plan
    teacher = StoredTeacher(context=context, own=plan.student is None)
    if plan.student is None:
        return _finished(context, teacher.trained, None)
    student = StoredStudent(context=context, teacher=teacher, settings=plan.student)
    return _finished(context, teacher.trained, student.trained)


def _finished(context: TrialContext, teacher: Trained, student: Trained | None) -> TrialReport:
    """The end of a trial: the scores of the epoch that target dev chose, and what identifies its weights."""
    trained, storage = student or teacher, context.experiment.storage
    results: dict[str, float] = {}
    files: str | None = None
    if context.plan.scored is not None:
        final = FinalResults(context=context, scored=context.plan.scored, teacher=teacher, student=student)
        results, directory = final.metrics_and_files()
        files = str(directory.relative_to(storage.root))
    epochs, chosen = trained.epochs, trained.epoch(DEV_TARGET_F1)
    weights = trained.directory.weights_file(chosen)
    return TrialReport(
        number=context.plan.number,
        stage="finished",
        timestamp_ms=epochs[-1].timestamp_ms,
        metrics={
            **{name: value for name, value in epochs[chosen - 1].metrics.items() if name.startswith("dev_")},
            "dev_target/f1_source_selected": epochs[trained.epoch(DEV_SOURCE_F1) - 1].metrics[DEV_TARGET_F1],
            "best_epoch": chosen,
            **results,
        },
        tags={
            "weights": str(weights.relative_to(storage.root)),
            "weights_sha256": trained.directory.weights_digest(chosen),
        },
        finished=True,
        files=files,
    )


@dataclass(kw_only=True)
class StoredStudent:
    """The student that a trial's plan asks for."""

    context: TrialContext
    teacher: StoredTeacher
    settings: StudentSettings

    @cached_property
    def directory(self) -> TrainingDirectory:
        """Where it lies, under the digest of what decides its weights; the epochs stay that a dev set chooses."""
        experiment, plan = self.context.experiment, self.context.plan
        key = content_key(
            kind="student",
            outputs=self.teacher.outputs.name,
            encoder=experiment.encoder.digest,
            dev=[experiment.corpora.source_dev, experiment.corpora.target_dev],
            settings=to_json(self.settings),
            run=to_json(plan.run),
            target_gold=plan.target_gold,
            workers=Workers.current().size,
            device=self.context.device.type,
        )
        return training_directory(experiment.storage, experiment.storage.student(key), _selected_epochs)

    @cached_property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """Its epochs; it is trained first unless it is there."""
        context = self.context
        plan, corpora = context.plan, context.experiment.corpora
        with context.alone(KeptTraining(storage=context.experiment.storage, directory=self.directory)):
            record = Workers.current().from_first(self.directory.record)
            if record.complete:
                for epoch in record.epochs:
                    self._tell(epoch)
                return record.epochs
            context.describe(self.directory, kind="student", settings=self.settings)
            gold = plan.target_gold
            dev = {"target": corpora.target_dev, "source": corpora.source_dev}
            return train(
                self._new_student(),
                StudentTask(
                    settings=self.settings,
                    run=plan.run,
                    target=context.unlabelled(corpora.target_train),
                    source=context.unlabelled(corpora.source_train),
                    teacher=load_outputs(self.teacher.outputs, context.device),
                    dev={name: context.scored_set(key) for name, key in dev.items()},
                    gold=None if gold is None else context.labelled(gold).word_labels,
                ),
                optimizer_settings=self.settings,
                run=plan.run,
                directory=self.directory,
                device=context.device,
                report=self._tell,
            ).epochs

    @property
    def trained(self) -> Trained:
        """The finished training."""
        return Trained(directory=self.directory, epochs=self.epochs, settings=self.settings)

    def _new_student(self) -> MultiChannelTagger:
        """A student before its first step."""
        tagger = self.context.tagger(self.settings)
        if self.settings.init == "teacher":
            load_epoch(tagger, self.teacher.directory, self.teacher.best_epoch)
        return tagger

    def _tell(self, record: EpochRecord) -> None:
        self.context.send_epoch(record, f"student epoch {record.epoch}/{self.context.plan.run.epochs}")


def _selected_epochs(records: tuple[EpochRecord, ...]) -> list[int]:
    """The epochs that target dev and source dev choose so far."""
    return [best_epoch(records, DEV_TARGET_F1), best_epoch(records, DEV_SOURCE_F1)]
