"""The student's loss against a twin of Eq. 15, what it leaves out, and that it sees no label."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_trainings import (
    LABELS,
    RUN,
    STUDENT,
    SmallCorpora,
    Trained,
    assert_same_weights,
    train_student,
    unlabelled,
)

from msd_ray.corpora import Sentence, load_target
from msd_ray.encoders.loading import load_tokenizer
from msd_ray.features import encode_sentences, encode_text
from msd_ray.model import MultiChannelTagger
from msd_ray.training import StudentSettings
from msd_ray.training.outputs import TeacherOutputs

Array = NDArray[np.float64]
EXACT = replace(STUDENT, dropout=0.0)


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


class Twin:
    """Sentences one at a time through the model, everything else in NumPy."""

    def __init__(self, corpora: SmallCorpora, outputs: TeacherOutputs, model: MultiChannelTagger) -> None:
        self.corpora, self.outputs, self.model = corpora, outputs, model

    def forward(self, ids: NDArray[np.int32]) -> tuple[Array, Array]:
        """Logits (K, T, C) and the [CLS] vector (H,) of one sentence."""
        row = torch.from_numpy(ids.astype(np.int64))[None]
        with torch.no_grad():
            out = self.model(row, torch.ones_like(row))
        return out.logits[:, 0].double().numpy(), out.cls[0].double().numpy()

    def losses(self, target: list[int], source: list[int]) -> dict[str, float]:
        text = self.corpora.target
        errors: list[Array] = []  # (K,) a word
        target_cls = []
        first_row = np.concatenate([[0], np.cumsum(text.words >= 0)])
        for sentence in target:
            tokens = slice(text.offsets[sentence], text.offsets[sentence + 1])
            logits, cls = self.forward(text.input_ids[tokens])
            target_cls.append(cls)
            places = np.flatnonzero(text.words[tokens] >= 0)
            for row, place in enumerate(places, start=int(first_row[tokens.start])):
                teacher = self.outputs.soft_labels[row].double().numpy()  # (K, C)
                difference = [softmax_twin(logits[k, place]) - teacher[k] for k in range(len(logits))]
                errors.append(np.array([(d**2).mean() for d in difference]))
        channels = np.mean(errors, axis=0)
        omega = softmax_twin(self.model.omega.detach().double().numpy())
        english = self.corpora.source
        source_cls = [self.forward(english.input_ids[english.offsets[s] : english.offsets[s + 1]])[1] for s in source]
        teacher_cls = self.outputs.source_cls[source].double().numpy()
        losses = {
            "loss/main": float(channels[-1]),
            "loss/auxiliary": float(omega @ channels[:-1]),
            "loss/mmd_model": mmd2_twin(teacher_cls, np.array(source_cls)),
            "loss/mmd_language": mmd2_twin(teacher_cls, np.array(target_cls)),
            **{f"loss/channel_{3 + k}": float(loss) for k, loss in enumerate(channels)},
        }
        total = losses["loss/main"] + EXACT.beta * losses["loss/auxiliary"]
        domains = EXACT.alpha_prime * losses["loss/mmd_model"] + EXACT.beta_prime * losses["loss/mmd_language"]
        return {"loss/total": total + domains, **losses}


@pytest.mark.parametrize("number", [0, 3])
def test_the_loss_of_a_batch(corpora: SmallCorpora, outputs: TeacherOutputs, number: int) -> None:
    task, model = corpora.student_task(outputs, EXACT), corpora.tagger(EXACT)
    model.train()
    target, source = task.steps(1)[number]
    loss = task.loss(model, (target, source))
    twin = Twin(corpora, outputs, model).losses(target.tolist(), source.tolist())
    assert {name: float(value) for name, value in loss.parts.items()} == pytest.approx(twin, rel=1e-4)
    assert float(loss.total.detach()) == pytest.approx(twin["loss/total"], rel=1e-4)
    tokens = corpora.target.lengths[target].sum() + corpora.source.lengths[source].sum()
    assert loss.tokens == tokens


@pytest.mark.parametrize(
    ("settings", "losses", "forwards"),
    [
        (replace(EXACT, alpha_prime=0.0, beta_prime=0.0), set(), 1),
        (replace(EXACT, alpha_prime=0.0), {"loss/mmd_language"}, 1),
        (replace(EXACT, beta_prime=0.0), {"loss/mmd_model"}, 2),
        (EXACT, {"loss/mmd_model", "loss/mmd_language"}, 2),
    ],
    ids=["neither", "language", "model", "both"],
)
def test_source_sentences_are_encoded_only_for_a_loss_that_counts(
    corpora: SmallCorpora, outputs: TeacherOutputs, settings: StudentSettings, losses: set[str], forwards: int
) -> None:
    task, model = corpora.student_task(outputs, settings), corpora.tagger(settings)
    batches: list[int] = []
    model.encoder.register_forward_hook(lambda module, arguments, result: batches.append(len(result[0])))
    step = task.steps(1)[0]
    loss = task.loss(model, step)
    assert {name for name in loss.parts if "mmd" in name} == losses
    assert len(batches) == forwards
    assert loss.tokens == sum(
        int(text.lengths[index].sum())
        for text, index in zip((corpora.target, corpora.source), step[:forwards], strict=False)
    )


def test_mmd_moves_the_student(corpora: SmallCorpora, outputs: TeacherOutputs) -> None:
    gradients = []
    for settings in (replace(EXACT, alpha_prime=0.0, beta_prime=0.0), EXACT):
        model = corpora.tagger(settings)
        task = corpora.student_task(outputs, settings)
        task.loss(model, task.steps(1)[0]).total.backward()  # type: ignore[no-untyped-call]
        gradient = model.encoder.get_parameter("encoder.layer.5.output.dense.weight").grad
        assert gradient is not None
        gradients.append(gradient)
    assert not torch.allclose(gradients[0], gradients[1])


def test_target_labels_change_nothing(
    corpora: SmallCorpora, outputs: TeacherOutputs, student: Trained, tmp_path: Path
) -> None:
    """Training text that is read with any labels makes the same arrays, and the same student bit by bit."""
    tokenizer = load_tokenizer(corpora.encoder)
    texts = [text for text in load_target("sample", "de", None).train if len(text.tokens) <= 9][:40]
    rng = np.random.default_rng(0)
    garbage = [Sentence(text.tokens, tuple(rng.choice(LABELS, size=len(text.tokens)))) for text in texts]
    encoded = encode_text(garbage, tokenizer, max_length=RUN.max_length)
    for name in ("input_ids", "words", "offsets", "word_counts"):
        np.testing.assert_array_equal(getattr(encoded, name), getattr(corpora.target, name))
    labelled = encode_sentences(garbage, tokenizer, LABELS, max_length=RUN.max_length)
    for number, text in enumerate((encoded, unlabelled(labelled), labelled)):
        trained = train_student(replace(corpora, target=text), outputs, tmp_path / str(number))
        assert_same_weights(trained.weights, student.weights)
