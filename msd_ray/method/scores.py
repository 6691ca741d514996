"""Scores of labelled sentences, as metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from msd_ray.data.encode import EncodedSentences
from msd_ray.data.tensors import TextTensors

from .decoding import Decode
from .entity_scores import EntityScores, entity_scores
from .evaluate import gold_labels, predict_labels, score
from .tagger import MultiChannelTagger


@dataclass(frozen=True, kw_only=True)
class ScoredSet:
    """Labelled sentences on a device, scored after every epoch.

    Args:
        sentences: encoded sentences with gold labels.
        tensors: the same sentences on the device.
        label_names: (C,) names of the classes.
        decode: decoding method, see `decoding`.
    """

    sentences: EncodedSentences
    tensors: TextTensors
    label_names: Sequence[str]
    decode: Decode = "argmax"

    @classmethod
    def load(
        cls,
        sentences: EncodedSentences,
        label_names: Sequence[str],
        *,
        pad_id: int,
        device: torch.device,
        decode: Decode = "argmax",
        frozen_states: Tensor | None = None,
    ) -> "ScoredSet":
        """Copy the sentences' tokens to the device. For `frozen_states` see `TextTensors`."""
        tensors = TextTensors(sentences, pad_id, device, frozen_states)
        return cls(sentences=sentences, tensors=tensors, label_names=label_names, decode=decode)

    def scores(self, model: MultiChannelTagger) -> EntityScores:
        """Entity-level scores (Eq. 16) of the model's main channel."""
        return score(self.predicted(model), self.sentences, self.label_names)

    def predicted(self, model: MultiChannelTagger) -> list[list[str]]:
        """Labels of every word of every sentence by the main channel, valid BIO2."""
        return predict_labels(model, self.sentences, self.tensors, self.label_names, decode=self.decode)

    @property
    def gold(self) -> list[list[str]]:
        """Gold labels of every word of every sentence."""
        return gold_labels(self.sentences, self.label_names)

    def metrics(
        self, predicted: Sequence[Sequence[str]], prefix: str, *, leave_out: npt.NDArray[np.bool_]
    ) -> dict[str, float]:
        """Scores as metrics, in total, per type, and without repeated sentences.

        Args:
            predicted: labels of every word of every sentence.
            prefix: prefix of the metrics' names.
            leave_out: (S,) sentences left out of `PREFIX/f1_deduplicated`.
        """
        gold = self.gold
        included = np.flatnonzero(~leave_out).tolist()
        rest = entity_scores([gold[i] for i in included], [predicted[i] for i in included])
        return {
            **score_metrics(prefix, entity_scores(gold, predicted), per_type=True),
            f"{prefix}/f1_deduplicated": rest.f1,
            f"{prefix}/sentences": len(gold),
            f"{prefix}/sentences_deduplicated": len(included),
        }


def score_metrics(prefix: str, scores: EntityScores, *, per_type: bool = False) -> dict[str, float]:
    """`PREFIX/precision|recall|f1`, optionally also per type (`PREFIX/TYPE/...`); all in 0..1."""
    metrics = {
        f"{prefix}/precision": scores.precision,
        f"{prefix}/recall": scores.recall,
        f"{prefix}/f1": scores.f1,
    }
    if per_type:
        for name, of_type in scores.per_type.items():
            metrics |= {
                f"{prefix}/{name}/precision": of_type.precision,
                f"{prefix}/{name}/recall": of_type.recall,
                f"{prefix}/{name}/f1": of_type.f1,
            }
    return metrics


def dev_metrics(model: MultiChannelTagger, sets: Mapping[str, ScoredSet]) -> dict[str, float]:
    """Scores on dev sets by name (`target`, `source`); those of `target` also per type."""
    metrics: dict[str, float] = {}
    for name, scored in sets.items():
        metrics |= score_metrics(f"dev_{name}", scored.scores(model), per_type=name == "target")
    return metrics
