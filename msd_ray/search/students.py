"""Stored students, cached by a hash of everything that determines their weights: single ones and averages."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from msd_ray.method.checkpoints import EpochRecord, TrainingDirectory, TrainingRecord, chosen_epoch, mean_weights
from msd_ray.method.loop import train
from msd_ray.method.outputs import load_outputs
from msd_ray.method.parallel import Workers
from msd_ray.method.scores import dev_metrics
from msd_ray.method.settings import Configuration, StudentSettings, to_json
from msd_ray.method.student import StudentTask
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.storage.artifacts import StoredTraining, training_directory
from msd_ray.storage.layout import content_key

from .context import TrialContext, load_epoch
from .results import Trained
from .teachers import StoredTeacher, mean_outputs, stored_outputs


@dataclass(kw_only=True)
class StoredStudent:
    """The student of a configuration, after `settings.rounds` rounds of self-training; trained on first use.

    Args:
        context: the trial.
        teachers: its teachers, best first.
        settings: its hyperparameters.
        own: whether the trial is scored by this student, so that its epochs are reported.
    """

    context: TrialContext
    teachers: Sequence[StoredTeacher]
    settings: StudentSettings
    own: bool

    @classmethod
    def of(cls, context: TrialContext, configuration: Configuration, *, own: bool) -> "StoredStudent":
        """The student that a configuration describes."""
        assert configuration.student is not None, "the configuration has no student"
        teachers = [StoredTeacher(context=context, settings=settings, own=False) for settings in configuration.teachers]
        return cls(context=context, teachers=teachers, settings=configuration.student, own=own)

    @cached_property
    def trained(self) -> Trained:
        """The finished training of the last round."""
        outputs = mean_outputs(self.context, [teacher.outputs for teacher in self.teachers])
        for number in range(1, self.settings.rounds):
            earlier = self._round(number, outputs)
            outputs = stored_outputs(
                self.context, earlier, teacher_key=earlier.directory.path.name, kind=f"round {number}"
            )
        return self._round(self.settings.rounds, outputs)

    def _round(self, number: int, outputs: Path) -> Trained:
        """The student of one round, distilled from `outputs`; trained if it is not stored."""
        context, storage, run = self.context, self.context.experiment.storage, self.context.plan.run.of_student
        directory = self._directory(outputs)

        def report(record: EpochRecord) -> None:
            self._report(record, number)

        with context.exclusive_lock(StoredTraining(storage=storage, directory=directory)):
            record = Workers.current().from_first(directory.record)
            if record.complete:
                for epoch in record.epochs:
                    report(epoch)
            else:
                context.describe(directory, kind="student", settings=self.settings, run=run)
                record = train(
                    self._new_student(),
                    self._task(outputs),
                    optimizer_settings=self.settings,
                    run=run,
                    directory=directory,
                    device=context.device,
                    report=report,
                    warned=context.warned,
                )
        return Trained(
            directory=directory,
            epochs=record.epochs,
            chosen=chosen_epoch(record.epochs, context.experiment.select_on),
            settings=self.settings,
        )

    def _directory(self, outputs: Path) -> TrainingDirectory:
        """Directory of a round's student; only the selected epoch's weights are retained."""
        context, plan = self.context, self.context.plan
        experiment = context.experiment
        key = content_key(
            kind="student",
            outputs=outputs.name,
            encoder=experiment.encoder.digest,
            dev=context.dev,
            decode=experiment.decode,
            select_on=experiment.select_on,
            # The outputs determine the round, so trials with other `rounds` share the student.
            settings=to_json(replace(self.settings, rounds=1)),
            run=to_json(plan.run.of_student),
            target_gold=plan.target_gold,
            workers=Workers.current().size,
            device=context.device.type,
        )
        return training_directory(
            experiment.storage,
            experiment.storage.student(key),
            lambda records: [chosen_epoch(records, experiment.select_on)],
            resume_epochs=plan.run.of_student.average_epochs,
        )

    def _task(self, outputs: Path) -> StudentTask:
        context = self.context
        corpora, gold = context.experiment.corpora, context.plan.target_gold
        return StudentTask(
            settings=self.settings,
            run=context.plan.run.of_student,
            target=context.unlabelled(corpora.target_train),
            source=context.unlabelled(corpora.source_train),
            teacher=load_outputs(outputs, context.device),
            dev=context.dev_sets(),
            gold=None if gold is None else context.gold(gold),
        )

    def _new_student(self) -> MultiChannelTagger:
        """A student with its initial weights."""
        tagger = self.context.tagger(self.settings)
        if self.settings.init == "teacher":
            teacher = self.teachers[0].trained
            load_epoch(tagger, teacher.directory, teacher.chosen)
        return tagger

    def _report(self, record: EpochRecord, number: int) -> None:
        """Report an epoch; with several rounds, each round also has a curve of its own."""
        candidates, rounds = self.context.plan.run.of_student.candidates, self.settings.rounds
        stage = f"student epoch {record.epoch}/{candidates}"
        if not self.own:
            self.context.report_stage(stage)
        elif rounds == 1:
            self.context.report_epoch(record, stage)
        else:
            curves = {name: value for name, value in record.metrics.items() if not name.startswith("time/")}
            own = {f"round_{number}/{name}": value for name, value in curves.items()}
            epoch = replace(record, epoch=(number - 1) * candidates + record.epoch, metrics={**record.metrics, **own})
            self.context.report_epoch(epoch, f"round {number} of {rounds}, {stage}")


@dataclass(kw_only=True)
class StoredAverage:
    """The mean of the weights of several configurations' students, which start from the same weights."""

    context: TrialContext
    members: Sequence[StoredStudent]

    @cached_property
    def trained(self) -> Trained:
        """The average, stored as a training of one epoch; computed if it is not stored."""
        context, storage = self.context, self.context.experiment.storage
        students = [member.trained for member in self.members]
        key = content_key(
            kind="average",
            students=[[student.directory.path.name, student.chosen] for student in students],
            dev=context.dev,
            decode=context.experiment.decode,
        )
        directory = training_directory(storage, storage.student(key), lambda _: [1])
        with context.exclusive_lock(StoredTraining(storage=storage, directory=directory)):
            record = Workers.current().from_first(directory.record)
            if not record.complete:
                record = self._averaged(directory, students)
        context.report_epoch(record.epochs[0], "average of students")
        return Trained(directory=directory, epochs=record.epochs, chosen=1, settings=students[0].settings)

    def _averaged(self, directory: TrainingDirectory, students: Sequence[Trained]) -> TrainingRecord:
        context, workers = self.context, Workers.current()
        model = context.tagger(students[0].settings).eval()
        model.load_trained(mean_weights([student.directory.load_weights(student.chosen) for student in students]))
        with context.inference():
            metrics = dev_metrics(model, context.dev_sets())
        epoch = EpochRecord(
            epoch=1,
            timestamp_ms=workers.from_first(lambda: time.time_ns() // 1_000_000),
            metrics={**metrics, "averaged_students": len(students)},
        )
        record = TrainingRecord(epochs=(epoch,), complete=True)
        if workers.first:
            run = context.plan.run.of_student
            context.describe(directory, kind="average of students", settings=students[0].settings, run=run)
            weights = {name: parameter.detach() for name, parameter in model.trained_parameters().items()}
            directory.commit(record, weights, {})
        workers.barrier()
        return record
