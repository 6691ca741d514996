"""The student: distilled on unlabelled target text, with MMD losses towards the teacher (Eq. 11-15).

Its text has no labels (`TextTensors` of `EncodedText`); the teacher is present as precomputed arrays. Target labels
can enter through `StudentTask.gold` only, which only the control `gold-aux` sets (`variants`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from msd_ray.data.batches import padding_share, paired_batches
from msd_ray.data.tensors import TextBatch, TextTensors

from .loop import StepLoss
from .losses import (
    IGNORED,
    DistillationLoss,
    distillation_loss,
    gold_auxiliary_loss,
    layer_weights,
    sharpened,
    student_loss,
)
from .mmd import mmd2
from .outputs import TeacherOutputs
from .parallel import Workers
from .scores import ScoredSet, dev_metrics
from .settings import RunSettings, StudentSettings
from .tagger import MultiChannelTagger
from .teacher import channel_losses, layer_weight_metrics

Int64 = npt.NDArray[np.int64]
Pair = tuple[Int64, Int64]


@dataclass(kw_only=True)
class StudentTask:
    """Training task of a student.

    Args:
        settings: hyperparameters of the student.
        run: settings of the study, and the seed.
        target: unlabelled target sentences on the device.
        source: unlabelled source sentences on the device.
        teacher: soft labels of `target`, [CLS] vectors of `source`.
        dev: labelled sets by name, used for scores only.
        gold: (W,) int64 gold labels of the encoded target words; None unless `settings.auxiliary` is "gold labels".
    """

    settings: StudentSettings
    run: RunSettings
    target: TextTensors
    source: TextTensors
    teacher: TeacherOutputs
    dev: Mapping[str, ScoredSet]
    gold: Tensor | None = None
    steps_per_epoch: int = field(init=False)
    _confident: Tensor | None = field(init=False, default=None)  # (W,) bool, None where every word carries loss
    _mean_count: Tensor | None = field(init=False, default=None)  # labelled words of a batch, over the epoch

    def __post_init__(self) -> None:
        assert (self.gold is not None) == (self.settings.auxiliary == "gold labels"), "gold labels: gold-aux only"
        self.steps_per_epoch = len(self.steps(1))
        main = self.teacher.soft_labels[:, -1]  # (W, C)
        if self.settings.confidence > 0.0:
            # Negated so that NaN passes and is detected in the loss.
            self._confident = ~(main.amax(dim=-1) < self.settings.confidence)
        if self.run.loss_mean == "epoch":
            words = len(main) if self._confident is None else int(self._confident.sum())
            self._mean_count = main.new_full((), words / self.steps_per_epoch)

    def steps(self, epoch: int) -> list[Pair]:
        """The epoch's batches: indices of target sentences, each with indices of source sentences."""
        return paired_batches(
            self.target.lengths,
            self.source.lengths,
            self.run.batch_size,
            seed=self.run.seed,
            epoch=epoch,
            pairing=self.run.pairing,
        )

    def loss(self, model: MultiChannelTagger, step: Pair) -> StepLoss:
        """Eq. 15 on this worker's share of a batch."""
        workers = Workers.current()
        target_index, source_index = (part[workers.share] for part in step)
        target = self.target.batch(target_index)
        out = model(*target.inputs)
        distillation = self._distillation(model, out.logits, target, workers)
        mmd = self._mmd(model, out.cls, source_index, workers)
        zero = out.cls.new_zeros(())
        loss = student_loss(
            distillation,
            mmd.get("model", zero),
            mmd.get("language", zero),
            self.settings.alpha_prime,
            self.settings.beta_prime,
        )
        others = loss.total.detach() - loss.distillation  # both MMD losses, weighted
        return StepLoss(
            total=loss.total,
            parts={
                # Every worker computes the full MMD losses, and parts are summed over workers.
                "loss/total": loss.distillation + others / workers.size,
                "loss/main": distillation.main,
                "loss/auxiliary": distillation.auxiliary,
                **{f"loss/mmd_{name}": value.detach() / workers.size for name, value in mmd.items()},
                **channel_losses(model, loss.channels),
            },
            tokens=self._tokens(target_index, source_index),
        )

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """Dev scores, layer weights and the share of padding."""
        return {
            **dev_metrics(model, self.dev),
            **layer_weight_metrics(model),
            "padding_share": padding_share(self.target.lengths, [pair[0] for pair in self.steps(1)]),
        }

    def _distillation(
        self, model: MultiChannelTagger, logits: Tensor, target: TextBatch, workers: Workers
    ) -> DistillationLoss:
        """Distillation loss (Eq. 11-12)."""
        rows, mask = target.word_rows.clamp(min=0), target.word_mask
        if self._confident is not None:
            mask = mask & self._confident[rows]
        # (K, B, T, C); unlabelled tokens get another word's, which the loss masks.
        soft_labels = sharpened(self.teacher.soft_labels[rows].permute(2, 0, 1, 3), self.settings.temperature)
        weights, beta, kd_loss = layer_weights(model.omega), self.settings.beta, self.settings.kd_loss
        count = workers.sum(mask.sum()) if self._mean_count is None else self._mean_count
        if self.gold is None:
            return distillation_loss(logits, soft_labels, mask, weights, beta, kd_loss=kd_loss, count=count)
        labels = torch.where(mask, self.gold[rows], IGNORED)
        return gold_auxiliary_loss(logits, soft_labels, labels, mask, weights, beta, kd_loss=kd_loss, count=count)

    def _mmd(
        self, model: MultiChannelTagger, target_cls: Tensor, source_index: Int64, workers: Workers
    ) -> dict[str, Tensor]:
        """The MMD losses (Eq. 13, 14) whose weight is not zero, by name."""
        losses: dict[str, Tensor] = {}
        if self.settings.alpha_prime == 0.0 and self.settings.beta_prime == 0.0:
            return losses
        rows = torch.from_numpy(source_index).to(target_cls.device, non_blocking=True)
        teacher_cls = workers.gather_rows(self.teacher.source_cls[rows])
        if self.settings.alpha_prime != 0.0:
            source = self.source.batch(source_index)
            student_cls = model.cls_vectors(*source.inputs)
            losses["model"] = mmd2(teacher_cls, workers.gather_rows(student_cls))
        if self.settings.beta_prime != 0.0:
            losses["language"] = mmd2(teacher_cls, workers.gather_rows(target_cls))
        return losses

    def _tokens(self, target_index: Int64, source_index: Int64) -> int:
        tokens = int(self.target.lengths[target_index].sum())
        if self.settings.alpha_prime != 0.0:
            tokens += int(self.source.lengths[source_index].sum())
        return tokens
