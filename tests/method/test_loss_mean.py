"""Denominator of a batch's loss: its own number of labelled words, or the epoch's mean number."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from small_trainings import (
    ALL_STUDENT,
    RUN,
    STUDENT,
    TEACHER,
    SmallCorpora,
)
from task_twins import Array, StudentTwin, channel_parts, teacher_word_losses

from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import StudentSettings
from msd_ray.method.student import StudentTask
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.method.teacher import TeacherTask

EXACT_TEACHER = replace(TEACHER, dropout=0.0)
NO_DOMAINS = replace(STUDENT, dropout=0.0, alpha_prime=0.0, beta_prime=0.0)
CONFIDENT = replace(NO_DOMAINS, confidence=ALL_STUDENT.confidence)
EPOCH = replace(RUN, loss_mean="epoch", batch_size=7)
BATCH = replace(EPOCH, loss_mean="batch")


def epoch_sums(task: TeacherTask | StudentTask, model: MultiChannelTagger) -> dict[str, float]:
    """Sums of the logged values over an epoch's batches, with fixed weights."""
    model.train()
    steps: Sequence[Any] = task.steps(1)
    parts = [task.loss(model, step).parts for step in steps]
    return {name: float(sum(part[name].double() for part in parts)) for name in parts[0]}


def expected_sums(model: MultiChannelTagger, words: Array, steps: int, auxiliary_weight: float) -> dict[str, float]:
    """Those in which each word weighs the same: steps * sum of the words' losses (W, K) / words."""
    parts = channel_parts(model, steps * words.sum(axis=0) / len(words))
    return {**parts, "loss/total": parts["loss/main"] + auxiliary_weight * parts["loss/auxiliary"]}


def test_every_word_of_a_teachers_epoch_weighs_the_same(corpora: SmallCorpora) -> None:
    task, model = corpora.teacher_task(EXACT_TEACHER, EPOCH), corpora.tagger(EXACT_TEACHER)
    found = epoch_sums(task, model)
    words = teacher_word_losses(corpora, model, range(len(corpora.source.word_counts)))
    assert len(words) == corpora.tensors(corpora.source).words
    assert found == pytest.approx(expected_sums(model, words, task.steps_per_epoch, TEACHER.alpha), rel=1e-5)
    by_batch = epoch_sums(corpora.teacher_task(EXACT_TEACHER, BATCH), model)
    assert by_batch["loss/total"] != pytest.approx(found["loss/total"], rel=1e-4)


@pytest.mark.parametrize("settings", [NO_DOMAINS, CONFIDENT], ids=["all words", "confident words"])
def test_every_word_of_a_students_epoch_weighs_the_same(
    corpora: SmallCorpora, outputs: TeacherOutputs, settings: StudentSettings
) -> None:
    task, model = corpora.student_task(outputs, settings, EPOCH), corpora.tagger(settings)
    found = epoch_sums(task, model)
    words = StudentTwin(corpora, outputs, model, settings).word_losses(range(len(corpora.target.word_counts)))
    assert (len(words) < len(outputs.soft_labels)) == (settings is CONFIDENT)
    assert found == pytest.approx(expected_sums(model, words, task.steps_per_epoch, STUDENT.beta), rel=1e-5)
    by_batch = epoch_sums(corpora.student_task(outputs, settings, BATCH), model)
    assert by_batch["loss/total"] != pytest.approx(found["loss/total"], rel=1e-4)


def test_a_batchs_own_mean(corpora: SmallCorpora) -> None:
    """In a batch of few words each weighs more."""
    task, model = corpora.teacher_task(EXACT_TEACHER, BATCH), corpora.tagger(EXACT_TEACHER)
    for step in task.steps(1):
        words = teacher_word_losses(corpora, model, step[0].tolist())
        assert float(task.loss(model, step).parts["loss/main"]) == pytest.approx(words[:, -1].mean(), rel=1e-5)


def test_the_gradients_of_an_epoch_add_up_to_the_whole_corpus(corpora: SmallCorpora) -> None:
    """As of one batch with all sentences, times the number of batches."""
    gradients: list[dict[str, Array]] = []
    for run in (EPOCH, replace(BATCH, batch_size=len(corpora.source.word_counts))):
        task, model = corpora.teacher_task(EXACT_TEACHER, run), corpora.tagger(EXACT_TEACHER)
        model.train()
        for step in task.steps(1):
            torch.autograd.backward(task.loss(model, step).total / task.steps_per_epoch)
        trained = model.trained_parameters()
        gradients.append({name: p.grad.double().numpy() for name, p in trained.items() if p.grad is not None})
        assert gradients[-1].keys() == trained.keys()
    for name, gradient in gradients[0].items():
        np.testing.assert_allclose(gradient, gradients[1][name], rtol=1e-3, atol=1e-6, err_msg=name)
