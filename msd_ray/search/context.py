"""What the parts of a trial share on a worker: its corpora on the device, fresh taggers, locks, and how to report."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
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
from msd_ray.method.settings import OptimizerSettings, SelectOn, dev_language, to_json
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.storage.artifacts import StoredArtifact, ensure_local, local_root
from msd_ray.storage.layout import content_key
from msd_ray.storage.uses import mark_used

from .plans import Experiment, TrialPlan, TrialReport

Send = Callable[[TrialReport], None]


@dataclass(frozen=True, kw_only=True)
class TrialContext:
    """One trial on one worker."""

    plan: TrialPlan
    experiment: Experiment
    device: torch.device
    send: Send

    def features(self, key: str) -> Path:
        """The directory of an encoded corpus. Raises DamagedError: a trial cannot encode it again."""
        return self._readable(self.experiment.storage.features(key))

    def words(self, key: str) -> Path:
        """The directory of an encoded corpus's words. Raises DamagedError as `features` does."""
        return self._readable(self.experiment.storage.words(key))

    def labelled(self, key: str) -> TextTensors:
        """A labelled corpus on the device, with the states of its frozen layers where they are stored."""
        text = load_sentences(self.features(key))
        return TextTensors(text, self.experiment.corpora.pad_id, self.device, self._frozen_states(key))

    def unlabelled(self, key: str) -> TextTensors:
        """A corpus on the device without its labels, if it has any; frozen states as for `labelled`."""
        text = load_text(self.features(key))
        return TextTensors(text, self.experiment.corpora.pad_id, self.device, self._frozen_states(key))

    def tokens(self, key: str) -> TextTensors:
        """A corpus on the device: its tokens alone."""
        return TextTensors(load_text(self.features(key)), self.experiment.corpora.pad_id, self.device)

    def gold(self, key: str) -> Tensor:
        """The gold label ids (W,) of a labelled corpus's encoded words."""
        return TextTensors(load_sentences(self.features(key)), self.experiment.corpora.pad_id, self.device).word_labels

    def scored_set(self, key: str, frozen_states: Tensor | None = None) -> ScoredSet:
        """A labelled corpus to be scored."""
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
        """Where the states of an encoded corpus's frozen layers lie."""
        run = self.plan.run
        key = content_key(
            kind="frozen states",
            features=features,  # has the encoder's digest
            frozen_layers=run.frozen_layers,
            precision=run.precision,
            device=self.device.type,
        )
        return self.experiment.storage.frozen_states(key)

    def _frozen_states(self, features: str) -> Tensor | None:
        if self.plan.run.frozen_prefix == "train":
            return None
        return load_frozen_states(self._readable(self.frozen_directory(features)), self.device)

    @property
    def select_on(self) -> SelectOn:
        """What chooses epochs."""
        return self.experiment.select_on

    @property
    def dev(self) -> str:
        """The key of the dev sentences that score this trial."""
        corpora = self.experiment.corpora
        return corpora.final_dev if self.plan.phase == "final" else corpora.dev

    def dev_sets(self) -> dict[str, ScoredSet]:
        """The dev set that scores this trial, by its language."""
        return {dev_language(self.select_on): self.scored_set(self.dev, self._frozen_states(self.dev))}

    def encoder(self) -> EncoderFiles:
        """The encoder's files: where the driver has them, else from the object store. Raises DamagedError."""
        files, storage = self.experiment.encoder, self.experiment.storage
        if storage.store is None or _is_here(files):
            return files
        return replace(files, directory=self._readable(storage.encoder(files.digest)))

    def tagger(self, settings: OptimizerSettings) -> MultiChannelTagger:
        """A tagger with its first weights."""
        labels = len(self.experiment.corpora.label_names)
        return build_tagger(self.encoder(), labels, run=self.plan.run, dropout=settings.dropout, device=self.device)

    def tell(self, stage: str) -> None:
        """Say what is being done."""
        self.send(TrialReport(number=self.plan.number, stage=stage))

    def warn(self, warning: str) -> None:
        """Tell the user something."""
        self.send(TrialReport(number=self.plan.number, stage="warning", warning=warning))

    def send_epoch(self, record: EpochRecord, stage: str) -> None:
        """Report an epoch of what the trial is about."""
        self.send(
            TrialReport(
                number=self.plan.number,
                stage=stage,
                epoch=record.epoch,
                timestamp_ms=record.timestamp_ms,
                metrics=record.metrics,
            )
        )

    def describe(self, directory: TrainingDirectory, *, kind: str, settings: OptimizerSettings) -> None:
        """Leave beside a training what it is of, for people."""
        if Workers.current().first:
            directory.describe(
                {
                    "kind": kind,
                    "settings": to_json(settings),
                    "run": to_json(self.plan.run),
                    "encoder": self.experiment.encoder.name,
                    "corpora": asdict(self.experiment.corpora),
                }
            )

    @contextmanager
    def inference(self) -> Iterator[None]:
        """No gradients, and the precision of the run."""
        with torch.inference_mode(), autocast(self.device, self.plan.run.precision):
            yield

    @contextmanager
    def alone(self, kept: StoredArtifact) -> Iterator[None]:
        """Only this trial's workers make `kept`, which is whole or not there; the first holds the lock for all.

        All workers enter and leave together. Whether something is to be made says `Workers.from_first`. On an object
        store the others' nodes get what the first one's node has, before the block and after it.
        """
        workers = Workers.current()
        with ExitStack() as held:
            if workers.first:
                held.enter_context(self.experiment.storage.lock(kept.path))
                mark_used(self.experiment.storage, self.experiment.study, kept.path, trial=self.plan.key)
            damage = workers.from_first(kept.repair)
            if damage is not None:
                self.warn(damage)  # by all workers: Ray Train takes a report from all or waits
            self._fetch_on_other_nodes(kept)
            yield
            if workers.first:
                kept.upload()
            workers.barrier()
            self._fetch_on_other_nodes(kept)

    def _readable(self, path: Path) -> Path:
        mark_used(self.experiment.storage, self.experiment.study, path)
        return ensure_local(self.experiment.storage, path)

    def _fetch_on_other_nodes(self, kept: StoredArtifact) -> None:
        """No lock: its holder on that node may be a trial that waits for a lock of this one's."""
        storage, workers = self.experiment.storage, Workers.current()
        if storage.store is not None and workers.from_first(lambda: local_root(storage)) != local_root(storage):
            kept.ensure_local()


def _is_here(files: EncoderFiles) -> bool:
    """Whether this node has the encoder where the driver has it."""
    return files.directory.is_dir() and directory_digest(files.directory) == files.digest


def load_epoch(model: MultiChannelTagger, directory: TrainingDirectory, epoch: int) -> MultiChannelTagger:
    """Give the model the weights that a training had after `epoch`, and put it into evaluation mode."""
    model.load_trained(directory.load_weights(epoch))
    return model.eval()
