"""The teacher store: a teacher is trained once, for all trials, studies and languages that need it.

A teacher's key holds all that decides its weights, and nothing of a target language: that chooses only the epoch, by
scores which are kept beside the teacher for each target corpus. (A teacher with an MMD between the languages has the
target's text in its key: it is trained on it.)
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..files import write_json
from ..model import MultiChannelTagger
from ..training import to_json
from ..training.checkpoints import EpochRecord, TrainingDirectory
from ..training.loop import train
from ..training.outputs import save_outputs
from ..training.parallel import Workers
from ..training.scores import DEV_TARGET_F1, best_epoch, dev_metrics
from ..training.teacher import TeacherTask
from .context import TrialContext, load_epoch
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
        return TrainingDirectory(
            path=self.context.experiment.storage.teacher(self.key),
            keep=lambda records: [record.epoch for record in records],
        )

    @cached_property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """Its epochs with the scores on the target's dev set; it is trained first unless it is there."""
        with self.context.alone(self.directory.path):
            record = self.directory.record()
            caches = [self._target_scores_file(epoch.epoch) for epoch in record.epochs]
            if not record.complete or not all(cache.exists() for cache in caches):
                return self._trained()
            epochs = tuple(_with_scores(epoch, cache) for epoch, cache in zip(record.epochs, caches, strict=True))
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
        directory = self.context.experiment.storage.outputs(key)
        with self.context.alone(directory):
            if not directory.is_dir():
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
        cache = self._target_scores_file(record.epoch)
        if not cache.exists():
            target = self.context.scored_set(self.context.experiment.corpora.target_dev)
            with self.context.inference():
                metrics = dev_metrics(load_epoch(model, self.directory, record.epoch), {"target": target})
            if Workers.current().first:
                write_json(cache, metrics)
        Workers.current().barrier()
        return _with_scores(record, cache)

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


def _with_scores(record: EpochRecord, scores: Path) -> EpochRecord:
    return replace(record, metrics={**record.metrics, **json.loads(scores.read_text(encoding="utf-8"))})
