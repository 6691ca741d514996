"""The teacher: trained on labelled source sentences, every channel supervised (Eq. 8-10)."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from ..features import TextTensors, padding_share, training_batches
from ..model import MultiChannelTagger, layer_weights, teacher_loss
from .loop import StepLoss
from .parallel import Workers
from .scores import ScoredSet, dev_metrics
from .settings import RunSettings, TeacherSettings

Int64 = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class TeacherTask:
    """train: labelled source sentences on the device. dev: the source's dev set; no target sentence is here."""

    settings: TeacherSettings
    run: RunSettings
    train: TextTensors
    dev: ScoredSet
    steps_per_epoch: int = field(init=False)

    def __post_init__(self) -> None:
        self.steps_per_epoch = len(self.steps(1))

    def steps(self, epoch: int) -> list[Int64]:
        """The epoch's batches of sentence indices."""
        return training_batches(self.train.lengths, self.run.batch_size, seed=self.run.seed, epoch=epoch)

    def loss(self, model: MultiChannelTagger, step: Int64) -> StepLoss:
        """Eq. 10 on this worker's share of a batch."""
        workers = Workers.current()
        batch = self.train.batch(step[workers.share])
        assert batch.labels is not None, "a teacher learns from labelled sentences"
        out = model(batch.input_ids, batch.attention_mask)
        loss = teacher_loss(
            out.logits,
            batch.labels,
            layer_weights(model.omega),
            self.settings.alpha,
            count=workers.sum(batch.word_mask.sum()),
        )
        return StepLoss(
            total=loss.total,
            parts={
                "loss/total": loss.total.detach(),
                "loss/main": loss.main,
                "loss/auxiliary": loss.auxiliary,
                **channel_losses(model, loss.channels),
            },
            tokens=int(self.train.lengths[step[workers.share]].sum()),
        )

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """Source dev scores and the layer weights."""
        return {
            **dev_metrics(model, {"source": self.dev}),
            **layer_weight_metrics(model),
            "padding_share": padding_share(self.train.lengths, self.steps(1)),
        }


def channel_losses(model: MultiChannelTagger, losses: torch.Tensor) -> dict[str, torch.Tensor]:
    """`loss/channel_M` for each layer M, from (K,) losses."""
    return {f"loss/channel_{model.frozen_layers + 1 + k}": loss for k, loss in enumerate(losses)}


def layer_weight_metrics(model: MultiChannelTagger) -> dict[str, float]:
    """`layer_weight/M` for each auxiliary layer M: lambda of Eq. 9, or lambda' of Eq. 12."""
    weights = layer_weights(model.omega.detach()).tolist()
    return {f"layer_weight/{model.frozen_layers + 1 + k}": float(w) for k, w in enumerate(weights)}
