"""Words below the teacher's confidence threshold: no loss, no gradient, not counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import (
    RUN,
    STUDENT,
    SmallCorpora,
    train_student,
)
from task_twins import StudentTwin
from torch import Tensor

from msd_ray.method.losses import KdLoss
from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import LossMean, StudentSettings

NO_DOMAINS = replace(STUDENT, dropout=0.0, alpha_prime=0.0, beta_prime=0.0)
LOSSES: list[KdLoss] = ["mse", "soft-cross-entropy"]
MEANS: list[LossMean] = ["batch", "epoch"]


@pytest.fixture(scope="module")
def settings(outputs: TeacherOutputs) -> StudentSettings:
    """With the threshold at which half of the words count."""
    largest = outputs.soft_labels[:, -1].amax(dim=-1)
    return replace(NO_DOMAINS, confidence=float(largest.median()))


def sure(outputs: TeacherOutputs, settings: StudentSettings) -> Tensor:
    """(W,) bool: the words that count."""
    return torch.tensor([max(labels) >= settings.confidence for labels in outputs.soft_labels[:, -1].tolist()])


def losses_and_gradients(
    corpora: SmallCorpora, outputs: TeacherOutputs, settings: StudentSettings, loss_mean: LossMean = "batch"
) -> tuple[list[float], dict[str, Tensor]]:
    """The loss of each of an epoch's batches, and the sum of their gradients."""
    model = corpora.tagger(settings)
    model.train()
    task = corpora.student_task(outputs, settings, replace(RUN, loss_mean=loss_mean))
    losses = []
    for step in task.steps(1):
        total = task.loss(model, step).total
        torch.autograd.backward(total)
        losses.append(float(total.detach()))
    return losses, {name: p.grad for name, p in model.trained_parameters().items() if p.grad is not None}


@pytest.mark.parametrize("kd_loss", LOSSES)
def test_the_mean_is_of_the_words_that_are_sure(
    corpora: SmallCorpora, outputs: TeacherOutputs, settings: StudentSettings, kd_loss: KdLoss
) -> None:
    settings = replace(settings, kd_loss=kd_loss)
    task, model = corpora.student_task(outputs, settings), corpora.tagger(settings)
    twin = StudentTwin(corpora, outputs, model, settings)
    words = 0
    for step in task.steps(1):
        expected = twin.word_losses(step[0].tolist())
        words += len(expected)
        parts = task.loss(model, step).parts
        found = [float(parts[f"loss/channel_{3 + k}"]) for k in range(4)]
        np.testing.assert_allclose(found, expected.mean(axis=0), rtol=1e-5)
    assert words == int(sure(outputs, settings).sum())
    assert 0.4 < words / len(outputs.soft_labels) < 0.6, "what this test needs"


@pytest.mark.parametrize("loss_mean", MEANS)
@pytest.mark.parametrize("kd_loss", LOSSES)
def test_the_others_soft_labels_have_no_influence(
    corpora: SmallCorpora, outputs: TeacherOutputs, settings: StudentSettings, kd_loss: KdLoss, loss_mean: LossMean
) -> None:
    settings = replace(settings, kd_loss=kd_loss, temperature=0.5)
    changed, unsure = outputs.soft_labels.clone(), ~sure(outputs, settings)
    changed[unsure, -1] = 1.0 / changed.shape[-1]  # below the threshold as before
    changed[unsure, :-1] = float("nan")
    expected = losses_and_gradients(corpora, outputs, settings, loss_mean)
    found = losses_and_gradients(corpora, replace(outputs, soft_labels=changed), settings, loss_mean)
    assert found[0] == expected[0]
    assert all(torch.equal(gradient, expected[1][name]) for name, gradient in found[1].items())
    everything = losses_and_gradients(corpora, outputs, replace(settings, confidence=0.0), loss_mean)
    assert everything[0] != expected[0]


def test_the_main_channel_as_the_teacher_gave_it_decides(
    corpora: SmallCorpora, outputs: TeacherOutputs, settings: StudentSettings
) -> None:
    """Not the auxiliary channels, and not the soft label after the temperature."""
    unsure = outputs.soft_labels.clone()
    unsure[:, -1] = 1.0 / unsure.shape[-1]
    sharp = replace(settings, temperature=0.01)
    assert not any(losses_and_gradients(corpora, replace(outputs, soft_labels=unsure), sharp)[0])
    assert all(losses_and_gradients(corpora, outputs, sharp)[0])


def test_a_word_that_is_just_as_sure_counts(corpora: SmallCorpora, outputs: TeacherOutputs) -> None:
    halves = torch.zeros_like(outputs.soft_labels)
    halves[..., :2] = 0.5
    exactly = replace(outputs, soft_labels=halves)
    without = losses_and_gradients(corpora, exactly, NO_DOMAINS)
    assert losses_and_gradients(corpora, exactly, replace(NO_DOMAINS, confidence=0.5))[0] == without[0]
    above = float(np.nextafter(np.float32(0.5), np.float32(1.0)))
    assert not any(losses_and_gradients(corpora, exactly, replace(NO_DOMAINS, confidence=above))[0])


@pytest.mark.parametrize("loss_mean", MEANS)
@pytest.mark.parametrize("kd_loss", LOSSES)
def test_no_word_is_sure(corpora: SmallCorpora, outputs: TeacherOutputs, kd_loss: KdLoss, loss_mean: LossMean) -> None:
    settings = replace(NO_DOMAINS, kd_loss=kd_loss, confidence=1.0)
    assert not sure(outputs, settings).any()
    losses, gradients = losses_and_gradients(corpora, outputs, settings, loss_mean)
    assert losses == [0.0] * 5
    assert gradients
    assert not any(gradient.any() for gradient in gradients.values()), "no NaN either"


def test_a_training_without_a_word_that_is_sure(corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path) -> None:
    settings = replace(NO_DOMAINS, confidence=1.0, weight_decay=0.0)
    trained = train_student(corpora, outputs, tmp_path, settings=settings, run=replace(RUN, epochs=1))
    assert trained.record.epochs[0].metrics["loss/total"] == 0.0
    before = corpora.tagger(settings).state_dict()
    assert all(torch.equal(value, before[name]) for name, value in trained.weights.items())
