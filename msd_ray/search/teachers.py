"""Stored teachers: a teacher is trained once for all trials, studies and languages that need it.

A teacher's key is a hash of everything that determines its weights. The target language is not part of it: it only
selects the epoch, by scores that are stored with the teacher for each dev set. (A teacher with an MMD between the
languages is trained on the target's text, which is then part of the key.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from msd_ray.method.checkpoints import EpochRecord, TrainingDirectory, chosen_epoch
from msd_ray.method.loop import train
from msd_ray.method.outputs import save_mean_outputs, save_outputs
from msd_ray.method.parallel import Workers
from msd_ray.method.scores import ScoredSet, dev_metrics
from msd_ray.method.settings import TeacherSettings, to_json
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.teacher import TeacherTask
from msd_ray.storage.artifacts import StoredDirectory, StoredTraining, load_json, save_json, training_directory
from msd_ray.storage.layout import content_key

from .context import TrialContext, load_epoch
from .results import Trained


@dataclass(kw_only=True)
class StoredTeacher:
    """A teacher of a trial; trained on first use.

    Args:
        context: the trial.
        settings: its hyperparameters.
        own: whether the trial is scored by this teacher, so that its epochs are reported.
    """

    context: TrialContext
    settings: TeacherSettings
    own: bool

    @cached_property
    def key(self) -> str:
        """Hash of everything that determines the teacher's weights."""
        plan, corpora = self.context.plan, self.context.experiment.corpora
        return content_key(
            kind="teacher",
            encoder=self.context.experiment.encoder.digest,
            train=corpora.source_train,
            labels=corpora.label_names,
            settings=to_json(self.settings),
            target=corpora.target_train if self.settings.mmd else None,
            run=to_json(plan.run.of_teacher),
            workers=Workers.current().size,
            device=self.context.device.type,
        )

    @cached_property
    def directory(self) -> TrainingDirectory:
        """Its directory. All epochs are retained: another target language may select another one."""
        storage = self.context.experiment.storage
        return training_directory(
            storage,
            storage.teacher(self.key),
            lambda records: [record.epoch for record in records],
            resume_epochs=self.context.plan.run.of_teacher.average_epochs,
        )

    @cached_property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """Its epochs with scores on the trial's dev set; trained or scored if they are not stored."""
        with self.context.exclusive_lock(
            StoredTraining(storage=self.context.experiment.storage, directory=self.directory)
        ):
            epochs = Workers.current().from_first(self._stored)
            if epochs is None:
                return self._trained()
        for epoch in epochs:
            self._report(epoch)
        return epochs

    @cached_property
    def trained(self) -> Trained:
        """The finished training."""
        return Trained(
            directory=self.directory,
            epochs=self.epochs,
            chosen=chosen_epoch(self.epochs, self.context.experiment.select_on),
            settings=self.settings,
        )

    @cached_property
    def outputs(self) -> Path:
        """Directory of its soft labels and [CLS] vectors; computed if they are not stored."""
        return stored_outputs(self.context, self.trained, teacher_key=self.key, kind="teacher")

    @cached_property
    def _dev_sets(self) -> dict[str, ScoredSet]:
        return self.context.dev_sets()

    def _stored(self) -> tuple[EpochRecord, ...] | None:
        """Its epochs with scores, if training is complete and all scores are stored."""
        record = self.directory.record()
        scores = [self._stored_scores(epoch.epoch) for epoch in record.epochs]
        if not record.complete:
            return None
        found = [_with_scores(epoch, own) for epoch, own in zip(record.epochs, scores, strict=True) if own is not None]
        return tuple(found) if len(found) == record.last else None

    def _trained(self) -> tuple[EpochRecord, ...]:
        context = self.context
        run, corpora = context.plan.run.of_teacher, context.experiment.corpora
        model = context.tagger(self.settings)
        epochs: list[EpochRecord] = []

        def on_epoch(record: EpochRecord) -> None:
            epochs.append(self._scored(record, model))
            self._report(epochs[-1])

        context.describe(self.directory, kind="teacher", settings=self.settings, run=run)
        train(
            model,
            TeacherTask(
                settings=self.settings,
                run=run,
                train=context.labelled(corpora.source_train),
                target=context.unlabelled(corpora.target_train) if self.settings.mmd else None,
            ),
            optimizer_settings=self.settings,
            run=run,
            directory=self.directory,
            device=context.device,
            report=on_epoch,
            warned=context.warned,
        )
        return tuple(epochs)

    def _scored(self, record: EpochRecord, model: MultiChannelTagger) -> EpochRecord:
        """The epoch with its scores on the trial's dev set, computed once per dev set."""
        workers = Workers.current()
        metrics = workers.from_first(lambda: self._stored_scores(record.epoch))
        if metrics is None:
            with self.context.inference():
                metrics = dev_metrics(load_epoch(model, self.directory, record.epoch), self._dev_sets)
            if workers.first:
                save_json(self.context.experiment.storage, self._scores_file(record.epoch), {"metrics": metrics})
        return _with_scores(record, metrics)

    def _stored_scores(self, epoch: int) -> dict[str, float] | None:
        content = load_json(self.context.experiment.storage, self._scores_file(epoch))
        return None if content is None else dict(content["metrics"])

    def _scores_file(self, epoch: int) -> Path:
        dev = f"{self.context.dev}-{self.context.experiment.decode}"
        return self.directory.path / "targets" / dev / f"epoch-{epoch:03d}.json"

    def _report(self, record: EpochRecord) -> None:
        """Report an epoch, with its metrics if the trial is scored by this teacher."""
        stage = f"teacher epoch {record.epoch}/{self.context.plan.run.of_teacher.candidates}"
        if self.own:
            self.context.report_epoch(record, stage)
        else:
            self.context.report_stage(stage)


def stored_outputs(context: TrialContext, teacher: Trained, *, teacher_key: str, kind: str) -> Path:
    """Directory of a tagger's outputs that a student is distilled from; computed if they are not stored.

    Args:
        context: the trial.
        teacher: a teacher, or the student of the previous round.
        teacher_key: key of its training.
        kind: its name in reports.
    """
    corpora, storage = context.experiment.corpora, context.experiment.storage
    key = content_key(
        kind="outputs",
        teacher=teacher_key,
        epoch=teacher.chosen,
        target=corpora.target_train,
        source=corpora.source_train,
    )
    directory = storage.outputs(key)
    with context.exclusive_lock(StoredDirectory(storage=storage, path=directory)):
        if not Workers.current().from_first(directory.is_dir):
            context.report_stage(f"{kind} outputs")  # on all workers: Ray Train waits for a report from each
            if Workers.current().first:
                model = load_epoch(context.tagger(teacher.settings), teacher.directory, teacher.chosen)
                target, source = context.unlabelled(corpora.target_train), context.unlabelled(corpora.source_train)
                with context.inference():
                    save_outputs(directory, model, target, source)
    return directory


def mean_outputs(context: TrialContext, outputs: Sequence[Path]) -> Path:
    """Directory of the mean soft labels of several teachers; a single teacher's own directory."""
    if len(outputs) == 1:
        return outputs[0]
    storage = context.experiment.storage
    directory = storage.outputs(content_key(kind="mean outputs", outputs=[path.name for path in outputs]))
    with context.exclusive_lock(StoredDirectory(storage=storage, path=directory)):
        if Workers.current().first and not directory.is_dir():
            save_mean_outputs(directory, outputs)
    return directory


def _with_scores(record: EpochRecord, scores: Mapping[str, float]) -> EpochRecord:
    return replace(record, metrics={**record.metrics, **scores})
