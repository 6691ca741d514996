"""The student's loss against a twin of Eq. 15, skipped losses, and that labels have no influence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import (
    ALL_STUDENT,
    LABELS,
    RUN,
    STUDENT,
    SmallCorpora,
    Trained,
    assert_same_weights,
    train_student,
    unlabelled,
)
from task_twins import StudentTwin

from msd_ray.data.encode import encode_sentences, encode_text
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.load import load_target
from msd_ray.data.sentences import Sentence
from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import StudentSettings

EXACT = replace(STUDENT, dropout=0.0)


@pytest.mark.parametrize("settings", [EXACT, replace(ALL_STUDENT, dropout=0.0)], ids=["the paper's", "everything else"])
@pytest.mark.parametrize("number", [0, 3])
def test_the_loss_of_a_batch(
    corpora: SmallCorpora, outputs: TeacherOutputs, number: int, settings: StudentSettings
) -> None:
    task, model = corpora.student_task(outputs, settings), corpora.tagger(settings)
    model.train()
    target, source = task.steps(1)[number]
    loss = task.loss(model, (target, source))
    twin = StudentTwin(corpora, outputs, model, settings).losses(target.tolist(), source.tolist())
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
