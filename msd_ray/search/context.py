"""Context of a trial on a worker: its corpora on the device, new taggers, locks and reports."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from filelock import BaseFileLock, Timeout
from torch import Tensor

from msd_ray.data.encoders.files import EncoderFiles, directory_digest
from msd_ray.data.store import load_sentences, load_text
from msd_ray.data.tensors import TextTensors
from msd_ray.method.build import build_tagger
from msd_ray.method.checkpoints import EpochRecord, TrainingDirectory
from msd_ray.method.device import autocast
from msd_ray.method.frozen import load_frozen_states
from msd_ray.method.parallel import Workers
from msd_ray.method.scores import ScoredSet
from msd_ray.method.settings import OptimizerSettings, RunSettings, dev_language, to_json
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.within_epoch import Warned
from msd_ray.storage.artifacts import StoredArtifact, ensure_local, local_root
from msd_ray.storage.layout import content_key
from msd_ray.storage.uses import mark_used

from .plans import Experiment, TrialPlan, TrialReport

Report = Callable[[TrialReport], None]
WAIT_S = 10.0
"""Seconds between two reports of a trial that waits for an artifact."""


@dataclass(frozen=True, kw_only=True)
class TrialContext:
    """A trial on one worker.

    Args:
        plan: the trial.
        experiment: what all trials of the study share.
        device: the worker's device.
        report: sends a report to the driver.
        warned: whether the worker's node is about to be reclaimed; None if nobody can tell.
    """

    plan: TrialPlan
    experiment: Experiment
    device: torch.device
    report: Report
    warned: Warned | None = None

    def features(self, key: str) -> Path:
        """Directory of an encoded corpus. Raises DamagedError: a trial cannot encode it again."""
        return self._ensure_local(self.experiment.storage.features(key))

    def words(self, key: str) -> Path:
        """Directory of an encoded corpus's words. Raises DamagedError as `features` does."""
        return self._ensure_local(self.experiment.storage.words(key))

    def labelled(self, key: str) -> TextTensors:
        """A labelled corpus on the device, with the stored output of the frozen layers, if used."""
        text = load_sentences(self.features(key))
        return TextTensors(text, self.experiment.corpora.pad_id, self.device, self._frozen_states(key))

    def unlabelled(self, key: str) -> TextTensors:
        """A corpus on the device without labels; frozen layers as in `labelled`."""
        text = load_text(self.features(key))
        return TextTensors(text, self.experiment.corpora.pad_id, self.device, self._frozen_states(key))

    def tokens(self, key: str) -> TextTensors:
        """A corpus on the device: tokens only."""
        return TextTensors(load_text(self.features(key)), self.experiment.corpora.pad_id, self.device)

    def gold(self, key: str) -> Tensor:
        """Gold label ids (W,) of the encoded words of a labelled corpus."""
        return TextTensors(load_sentences(self.features(key)), self.experiment.corpora.pad_id, self.device).word_labels

    def scored_set(self, key: str, frozen_states: Tensor | None = None) -> ScoredSet:
        """A labelled corpus that predictions are scored on."""
        corpora = self.experiment.corpora
        sentences = load_sentences(self.features(key))
        return ScoredSet.load(
            sentences,
            corpora.label_names,
            pad_id=corpora.pad_id,
            device=self.device,
            decode=self.experiment.decode,
            frozen_states=frozen_states,
        )

    def frozen_directory(self, features: str) -> Path:
        """Directory of the frozen layers' output for an encoded corpus."""
        run = self.plan.run
        key = content_key(
            kind="frozen states",
            features=features,  # includes the encoder's hash
            frozen_layers=run.frozen_layers,
            precision=run.precision,
            device=self.device.type,
        )
        return self.experiment.storage.frozen_states(key)

    def _frozen_states(self, features: str) -> Tensor | None:
        if self.plan.run.frozen_prefix == "train":
            return None
        return load_frozen_states(self._ensure_local(self.frozen_directory(features)), self.device)

    @property
    def dev(self) -> str:
        """Key of the dev sentences that score this trial."""
        corpora = self.experiment.corpora
        return corpora.final_dev if self.plan.phase == "final" else corpora.dev

    def dev_sets(self) -> dict[str, ScoredSet]:
        """The dev set that scores this trial, by language."""
        return {dev_language(self.experiment.select_on): self.scored_set(self.dev, self._frozen_states(self.dev))}

    def encoder(self) -> EncoderFiles:
        """The encoder's files, from the driver's directory or else the object store. Raises DamagedError."""
        files, storage = self.experiment.encoder, self.experiment.storage
        if storage.store is None or _is_here(files):
            return files
        return replace(files, directory=self._ensure_local(storage.encoder(files.digest)))

    def tagger(self, settings: OptimizerSettings) -> MultiChannelTagger:
        """A tagger with its initial weights."""
        labels = len(self.experiment.corpora.label_names)
        return build_tagger(self.encoder(), labels, run=self.plan.run, dropout=settings.dropout, device=self.device)

    def report_stage(self, stage: str) -> None:
        """Report what the trial is doing."""
        self.report(TrialReport(number=self.plan.number, stage=stage))

    def warn(self, warning: str) -> None:
        """Report a warning, which the driver prints."""
        self.report(TrialReport(number=self.plan.number, stage="warning", warning=warning))

    def report_epoch(self, record: EpochRecord, stage: str) -> None:
        """Report an epoch of the training that the trial is scored by."""
        self.report(
            TrialReport(
                number=self.plan.number,
                stage=stage,
                epoch=record.epoch,
                timestamp_ms=record.timestamp_ms,
                metrics=record.metrics,
            )
        )

    def describe(
        self, directory: TrainingDirectory, *, kind: str, settings: OptimizerSettings, run: RunSettings
    ) -> None:
        """Write `settings.json` next to the checkpoints of a training (informational)."""
        if Workers.current().first:
            directory.describe(
                {
                    "kind": kind,
                    "settings": to_json(settings),
                    "run": to_json(run),
                    "encoder": self.experiment.encoder.name,
                    "corpora": asdict(self.experiment.corpora),
                }
            )

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Inference mode, in the precision of the run."""
        with torch.inference_mode(), autocast(self.device, self.plan.run.precision):
            yield

    @contextmanager
    def exclusive_lock(self, kept: StoredArtifact) -> Iterator[None]:
        """Hold the lock of an artifact while this trial's workers create it; the first worker holds it for all.

        While another trial holds it, all workers report that they wait, so that the trial does not count as silent.
        Inside the block the artifact is complete or absent; `Workers.from_first` tells which. All workers enter and
        leave the block at the same time. With an object store, the nodes of the other workers download the artifact
        before and after the block.
        """
        workers = Workers.current()
        lock = self.experiment.storage.lock(kept.path)
        try:
            while not workers.from_first(lambda: _is_acquired(lock)):
                self.report_stage(f"waiting for {self.experiment.storage.name(kept.path)}, which another trial creates")
            if workers.first:
                mark_used(self.experiment.storage, self.experiment.study, kept.path, trial=self.plan.key)
            damage = workers.from_first(kept.repair)
            if damage is not None:
                self.warn(damage)  # on all workers: Ray Train waits for a report from each
            self._fetch_on_other_nodes(kept)
            yield
            if workers.first:
                kept.upload()
            workers.barrier()
            self._fetch_on_other_nodes(kept)
        finally:
            lock.release()

    def _ensure_local(self, path: Path) -> Path:
        mark_used(self.experiment.storage, self.experiment.study, path)
        return ensure_local(self.experiment.storage, path)

    def _fetch_on_other_nodes(self, kept: StoredArtifact) -> None:
        """Without a lock: its holder on that node may be a trial that waits for a lock of this trial."""
        storage, workers = self.experiment.storage, Workers.current()
        if storage.store is not None and workers.from_first(lambda: local_root(storage)) != local_root(storage):
            kept.ensure_local()


def _is_acquired(lock: BaseFileLock) -> bool:
    """Wait for the lock for a while; returns whether it was acquired."""
    try:
        lock.acquire(timeout=WAIT_S)
    except Timeout:
        return False
    return True


def _is_here(files: EncoderFiles) -> bool:
    """Whether this node has the encoder in the driver's directory."""
    return files.directory.is_dir() and directory_digest(files.directory) == files.digest


def load_epoch(model: MultiChannelTagger, directory: TrainingDirectory, epoch: int) -> MultiChannelTagger:
    """Load the weights after `epoch` into the model and set evaluation mode."""
    model.load_trained(directory.load_weights(epoch))
    return model.eval()
