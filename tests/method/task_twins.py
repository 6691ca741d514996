"""Losses of teachers and students, slowly: one sentence at a time through the model, everything else in NumPy."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from small_trainings import SmallCorpora

from msd_ray.data.encode import EncodedText
from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import StudentSettings
from msd_ray.method.tagger import MultiChannelTagger

Array = NDArray[np.float64]


def softmax_twin(scores: Array) -> Array:
    exponentials: Array = np.exp(scores - scores.max())
    return np.asarray(exponentials / exponentials.sum())


def mmd2_twin(x: Array, y: Array) -> float:
    rows = [*x, *y]
    pairs = [(u, v) for i, u in enumerate(rows) for j, v in enumerate(rows) if i != j]
    b = np.mean([((u - v) ** 2).sum() for u, v in pairs])

    def similarity(us: Array, vs: Array) -> float:
        distances = [((u - v) ** 2).sum() for u in us for v in vs]
        return float(np.mean([sum(np.exp(-d / (b * 2.0 ** (i - 2))) for i in range(5)) for d in distances]))

    return similarity(x, x) + similarity(y, y) - 2 * similarity(x, y)


def forward_twin(model: MultiChannelTagger, text: EncodedText, sentence: int) -> tuple[Array, Array]:
    """Logits (w, K, C) of a sentence's words and its [CLS] vector (H,)."""
    tokens = slice(text.offsets[sentence], text.offsets[sentence + 1])
    row = torch.from_numpy(text.input_ids[tokens].astype(np.int64))[None]
    with torch.no_grad():
        out = model(row, torch.ones_like(row))
    places = np.flatnonzero(text.words[tokens] >= 0)
    return out.logits[:, 0, places].permute(1, 0, 2).double().numpy(), out.cls[0].double().numpy()


def words_of(text: EncodedText, sentence: int) -> range:
    """The rows of a sentence's words among all encoded words."""
    before = np.concatenate([[0], np.cumsum(text.words >= 0)])
    return range(int(before[text.offsets[sentence]]), int(before[text.offsets[sentence + 1]]))


def channel_parts(model: MultiChannelTagger, channels: Array) -> dict[str, float]:
    """Main and auxiliary loss, and those of the channels, from (K,)."""
    omega = softmax_twin(model.omega.detach().double().numpy())
    return {
        "loss/main": float(channels[-1]),
        "loss/auxiliary": float(omega @ channels[:-1]),
        **{f"loss/channel_{3 + k}": float(loss) for k, loss in enumerate(channels)},
    }


def teacher_word_losses(corpora: SmallCorpora, model: MultiChannelTagger, sentences: Iterable[int]) -> Array:
    """Cross entropy (w, K) of each word of these sentences."""
    text = corpora.source
    starts = np.concatenate([[0], np.cumsum(text.word_counts)])
    losses = []
    for sentence in sentences:
        logits, _ = forward_twin(model, text, sentence)
        tokens = slice(text.offsets[sentence], text.offsets[sentence + 1])
        words = [int(word) for word in text.words[tokens] if word >= 0]
        for scores, word in zip(logits, words, strict=True):
            label = text.labels[starts[sentence] + word]
            losses.append([-np.log(softmax_twin(channel)[label]) for channel in scores])
    return np.array(losses)


class StudentTwin:
    """The losses of Eq. 11-15, with the soft labels as the settings change them."""

    def __init__(
        self, corpora: SmallCorpora, outputs: TeacherOutputs, model: MultiChannelTagger, settings: StudentSettings
    ) -> None:
        self.corpora, self.outputs, self.model, self.settings = corpora, outputs, model, settings

    def word_losses(self, sentences: Iterable[int]) -> Array:
        """The loss (w, K) of each word of these sentences that carries one."""
        losses = []
        for sentence in sentences:
            logits, _ = forward_twin(self.model, self.corpora.target, sentence)
            for scores, row in zip(logits, words_of(self.corpora.target, sentence), strict=True):
                teacher = self.outputs.soft_labels[row].double().numpy()  # (K, C)
                if max(teacher[-1]) >= self.settings.confidence:
                    losses.append([self._distance(scores[k], teacher[k]) for k in range(len(scores))])
        return np.array(losses)

    def _distance(self, scores: Array, teacher: Array) -> float:
        powers = teacher ** (1.0 / self.settings.temperature)
        teacher = powers / powers.sum()
        student = softmax_twin(scores)
        if self.settings.kd_loss == "mse":
            return float(((student - teacher) ** 2).mean())
        return float(-(teacher * np.log(student)).sum())

    def losses(self, target: list[int], source: list[int]) -> dict[str, float]:
        """All parts of a batch's loss by name."""
        losses = channel_parts(self.model, self.word_losses(target).mean(axis=0))
        target_cls = [forward_twin(self.model, self.corpora.target, sentence)[1] for sentence in target]
        source_cls = [forward_twin(self.model, self.corpora.source, sentence)[1] for sentence in source]
        teacher_cls = self.outputs.source_cls[source].double().numpy()
        losses["loss/mmd_model"] = mmd2_twin(teacher_cls, np.array(source_cls))
        losses["loss/mmd_language"] = mmd2_twin(teacher_cls, np.array(target_cls))
        settings = self.settings
        total = losses["loss/main"] + settings.beta * losses["loss/auxiliary"]
        domains = settings.alpha_prime * losses["loss/mmd_model"] + settings.beta_prime * losses["loss/mmd_language"]
        return {"loss/total": total + domains, **losses}
