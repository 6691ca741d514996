"""The teacher store: a teacher is trained once, for all trials, studies and languages that need it.

A teacher's key holds all that decides its weights, and nothing of a target language: that chooses only the epoch, by
scores which are kept beside the teacher for each target corpus. (A teacher with an MMD between the languages has the
target's text in its key: it is trained on it.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..model import MultiChannelTagger
from ..training import to_json
from ..training.checkpoints import EpochRecord, TrainingDirectory
from ..training.loop import train
from ..training.outputs import save_outputs
from ..training.parallel import Workers
from ..training.scores import DEV_TARGET_F1, best_epoch, dev_metrics
from ..training.teacher import TeacherTask
from .context import TrialContext, load_epoch
from .kept import KeptDirectory, KeptTraining, read_small, training_directory, write_small
from .results import Trained
from .storage import content_key


@dataclass(kw_only=True)
class StoredTeacher:
    """The teacher that a trial's plan asks for. own: whether the trial is about it, so that its epochs are reported."""

    context: TrialContext
    own: bool

    @cached_property
    def key(self) -> str:
        """The digest of what decides the teacher's weights."""
        plan, corpora = self.context.plan, self.context.experiment.corpora
        return content_key(
            kind="teacher",
            encoder=self.context.experiment.encoder.digest,
            train=corpora.source_train,
            dev=corpora.source_dev,
            labels=corpora.label_names,
            settings=to_json(plan.teacher),
            target=corpora.target_train if plan.teacher.mmd else None,
            run=to_json(plan.run),
            workers=Workers.current().size,
            device=self.context.device.type,
        )

    @cached_property
    def directory(self) -> TrainingDirectory:
        """Where it lies. Every epoch stays: the next target language may choose another one."""
        storage = self.context.experiment.storage
        return training_directory(
            storage, storage.teacher(self.key), lambda records: [record.epoch for record in records]
        )

    @cached_property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """Its epochs with the scores on the target's dev set; it is trained first unless it is there."""
        with self.context.alone(KeptTraining(storage=self.context.experiment.storage, directory=self.directory)):
            epochs = Workers.current().from_first(self._stored)
            if epochs is None:
                return self._trained()
        for epoch in epochs:
            self._tell(epoch)
        return epochs

    @property
    def trained(self) -> Trained:
        """The finished training."""
        return Trained(directory=self.directory, epochs=self.epochs, settings=self.context.plan.teacher)

    @cached_property
    def best_epoch(self) -> int:
        """The epoch that the target's dev set chooses."""
        return best_epoch(self.epochs, DEV_TARGET_F1)

    @cached_property
    def outputs(self) -> Path:
        """The directory of its soft labels and [CLS] vectors, which are computed first unless they are there."""
        corpora = self.context.experiment.corpora
        key = content_key(
            kind="outputs",
            teacher=self.key,
            epoch=self.best_epoch,
            target=corpora.target_train,
            source=corpora.source_train,
        )
        storage = self.context.experiment.storage
        directory = storage.outputs(key)
        with self.context.alone(KeptDirectory(storage=storage, path=directory)):
            if not Workers.current().from_first(directory.is_dir):
                self.context.tell("teacher outputs")  # by all workers: Ray Train takes a report from all or waits
                if Workers.current().first:
                    self._save_outputs(directory)
        return directory

    def _save_outputs(self, directory: Path) -> None:
        context, corpora = self.context, self.context.experiment.corpora
        model = load_epoch(context.tagger(context.plan.teacher), self.directory, self.best_epoch)
        with context.inference():
            save_outputs(
                directory, model, context.unlabelled(corpora.target_train), context.unlabelled(corpora.source_train)
            )

    def _stored(self) -> tuple[EpochRecord, ...] | None:
        """Its epochs with their scores, if it has ended and all are there."""
        record = self.directory.record()
        scores = [self._stored_scores(epoch.epoch) for epoch in record.epochs]
        if not record.complete:
            return None
        found = [_with_scores(epoch, own) for epoch, own in zip(record.epochs, scores, strict=True) if own is not None]
        return tuple(found) if len(found) == record.last else None

    def _trained(self) -> tuple[EpochRecord, ...]:
        context = self.context
        plan, corpora = context.plan, context.experiment.corpora
        model = context.tagger(plan.teacher)
        epochs: list[EpochRecord] = []

        def on_epoch(record: EpochRecord) -> None:
            epochs.append(self._scored(record, model))
            self._tell(epochs[-1])

        context.describe(self.directory, kind="teacher", settings=plan.teacher)
        train(
            model,
            TeacherTask(
                settings=plan.teacher,
                run=plan.run,
                train=context.labelled(corpora.source_train),
                dev=context.scored_set(corpora.source_dev),
                target=context.unlabelled(corpora.target_train) if plan.teacher.mmd else None,
            ),
            optimizer_settings=plan.teacher,
            run=plan.run,
            directory=self.directory,
            device=context.device,
            report=on_epoch,
        )
        return tuple(epochs)

    def _scored(self, record: EpochRecord, model: MultiChannelTagger) -> EpochRecord:
        """The epoch with its scores on the target's dev set, computed once for each target corpus."""
        workers = Workers.current()
        metrics = workers.from_first(lambda: self._stored_scores(record.epoch))
        if metrics is None:
            target = self.context.scored_set(self.context.experiment.corpora.target_dev)
            with self.context.inference():
                metrics = dev_metrics(load_epoch(model, self.directory, record.epoch), {"target": target})
            if workers.first:
                write_small(
                    self.context.experiment.storage, self._target_scores_file(record.epoch), {"metrics": metrics}
                )
        return _with_scores(record, metrics)

    def _stored_scores(self, epoch: int) -> dict[str, float] | None:
        content = read_small(self.context.experiment.storage, self._target_scores_file(epoch))
        return None if content is None else dict(content["metrics"])

    def _target_scores_file(self, epoch: int) -> Path:
        target = self.context.experiment.corpora.target_dev
        return self.directory.path / "targets" / target / f"epoch-{epoch:03d}.json"

    def _tell(self, record: EpochRecord) -> None:
        """Report an epoch: with its metrics if the trial is about the teacher, else as news."""
        epochs = self.context.plan.run.epochs
        if self.own:
            self.context.send_epoch(record, f"teacher epoch {record.epoch}/{epochs}")
        else:
            self.context.tell(f"teacher epoch {record.epoch}/{epochs}")


def _with_scores(record: EpochRecord, scores: Mapping[str, float]) -> EpochRecord:
    return replace(record, metrics={**record.metrics, **scores})
