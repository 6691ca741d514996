"""The teacher: trained on labelled source sentences, with every channel supervised (Eq. 8-10).

With `TeacherSettings.mmd` > 0, an MMD loss between source and unlabelled target sentences is added (`TSL w. MMD`, the
implicit transfer of section 5.6.3). MSD's teacher sees no target sentence.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from msd_ray.data.batches import padding_share, paired_batches, training_batches
from msd_ray.data.tensors import TextTensors

from .loop import StepLoss
from .losses import layer_weights, teacher_loss
from .mmd import mmd2
from .parallel import Workers
from .settings import RunSettings, TeacherSettings
from .tagger import MultiChannelTagger

Int64 = npt.NDArray[np.int64]
Step = tuple[Int64, Int64 | None]


@dataclass(kw_only=True)
class TeacherTask:
    """Training task of a teacher.

    Dev sets are not part of it: each study scores a teacher's epochs itself.

    Args:
        settings: hyperparameters of the teacher.
        run: settings of the study, and the seed.
        train: labelled source sentences on the device.
        target: unlabelled target sentences for the MMD; None if `settings.mmd` is 0.
    """

    settings: TeacherSettings
    run: RunSettings
    train: TextTensors
    target: TextTensors | None = None
    steps_per_epoch: int = field(init=False)

    def __post_init__(self) -> None:
        assert (self.target is not None) == (self.settings.mmd != 0.0), "target text: iff mmd > 0"
        self.steps_per_epoch = len(self.steps(1))

    def steps(self, epoch: int) -> list[Step]:
        """The epoch's batches: indices of source sentences, and of target sentences or None.

        The source batches do not depend on `target`.
        """
        run = self.run
        if self.target is None:
            batches = training_batches(self.train.lengths, run.batch_size, seed=run.seed, epoch=epoch)
            return [(batch, None) for batch in batches]
        pairs = paired_batches(
            self.train.lengths,
            self.target.lengths,
            run.batch_size,
            seed=run.seed,
            epoch=epoch,
            pairing=run.pairing,
        )
        return [(source, target) for source, target in pairs]

    def loss(self, model: MultiChannelTagger, step: Step) -> StepLoss:
        """Eq. 10 on this worker's share of a batch, plus the weighted MMD if configured."""
        workers = Workers.current()
        source_index = step[0][workers.share]
        target_index = None if step[1] is None else step[1][workers.share]
        batch = self.train.batch(source_index)
        assert batch.labels is not None, "a teacher learns from labelled sentences"
        out = model(*batch.inputs)
        loss = teacher_loss(
            out.logits,
            batch.labels,
            layer_weights(model.omega),
            self.settings.alpha,
            count=self._count(batch.word_mask, workers),
        )
        total, parts = loss.total, {"loss/total": loss.total.detach()}
        tokens = int(self.train.lengths[source_index].sum())
        if self.target is not None and target_index is not None:
            mmd = self._mmd(model, out.cls, self.target, target_index, workers)
            total = total + self.settings.mmd * mmd
            # Every worker computes the full MMD, and parts are summed over workers.
            mmd_part = mmd.detach() / workers.size
            parts = {"loss/total": parts["loss/total"] + self.settings.mmd * mmd_part, "loss/mmd_teacher": mmd_part}
            tokens += int(self.target.lengths[target_index].sum())
        return StepLoss(
            total=total,
            parts={
                **parts,
                "loss/main": loss.main,
                "loss/auxiliary": loss.auxiliary,
                **channel_losses(model, loss.channels),
            },
            tokens=tokens,
        )

    def _count(self, word_mask: torch.Tensor, workers: Workers) -> torch.Tensor:
        """Number of labelled words that the loss is divided by."""
        if self.run.loss_mean == "epoch":
            return word_mask.new_full((), self.train.words / self.steps_per_epoch, dtype=torch.float32)
        return workers.sum(word_mask.sum())

    @staticmethod
    def _mmd(
        model: MultiChannelTagger, source_cls: torch.Tensor, target: TextTensors, index: Int64, workers: Workers
    ) -> torch.Tensor:
        """MMD^2 (Eq. 5) between the teacher's [CLS] vectors of this batch's source and target sentences."""
        batch = target.batch(index)
        target_cls = model.cls_vectors(*batch.inputs)
        return mmd2(workers.gather_rows(source_cls), workers.gather_rows(target_cls))

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """Layer weights and the share of padding."""
        return {
            **layer_weight_metrics(model),
            "padding_share": padding_share(self.train.lengths, [step[0] for step in self.steps(1)]),
        }


def channel_losses(model: MultiChannelTagger, losses: torch.Tensor) -> dict[str, torch.Tensor]:
    """`loss/channel_M` for each layer M, from the losses (K,)."""
    return {f"loss/channel_{model.frozen_layers + 1 + k}": loss for k, loss in enumerate(losses)}


def layer_weight_metrics(model: MultiChannelTagger) -> dict[str, float]:
    """`layer_weight/M` for each auxiliary layer M: lambda of Eq. 9 or lambda' of Eq. 12."""
    weights = layer_weights(model.omega.detach()).tolist()
    return {f"layer_weight/{model.frozen_layers + 1 + k}": float(w) for k, w in enumerate(weights)}
