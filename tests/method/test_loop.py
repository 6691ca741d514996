"""The training loop: seeds, precision, and losses that are not finite."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import (
    RUN,
    STUDENT,
    TEACHER,
    SmallCorpora,
    Trained,
    assert_same_epochs,
    assert_same_weights,
    killed_after,
    train_student,
    train_teacher,
)
from watched_steps import rate_twin

from msd_ray.method.checkpoints import TrainingDirectory
from msd_ray.method.loop import NonFiniteLossError
from msd_ray.method.outputs import TeacherOutputs


def test_the_same_seed_gives_the_same_teacher(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    again = train_teacher(corpora, tmp_path)
    assert_same_weights(again.weights, teacher.weights)
    assert_same_epochs(again.record, teacher.record)


def test_the_same_seed_gives_the_same_student(
    corpora: SmallCorpora, outputs: TeacherOutputs, student: Trained, tmp_path: Path
) -> None:
    again = train_student(corpora, outputs, tmp_path)
    assert_same_weights(again.weights, student.weights)
    assert_same_epochs(again.record, student.record)


def test_another_seed_gives_others(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    other = train_teacher(corpora, tmp_path, run=replace(RUN, seed=4))
    trained = other.model.trained_parameters()
    for name, value in other.weights.items():
        assert torch.equal(value, teacher.weights[name]) == (name not in trained), name


def test_dropout_is_drawn_by_seed_and_not_by_what_ran_before(
    corpora: SmallCorpora, teacher: Trained, tmp_path: Path
) -> None:
    torch.manual_seed(12345)
    torch.rand(17)
    assert_same_weights(train_teacher(corpora, tmp_path).weights, teacher.weights)
    without = train_teacher(corpora, tmp_path / "without", settings=replace(TEACHER, dropout=0.0))
    assert not torch.equal(without.model.terminal_weight, teacher.model.terminal_weight)


def test_a_diverging_teacher_names_step_and_learning_rate(corpora: SmallCorpora, tmp_path: Path) -> None:
    # Warm-up over two steps: the first has a rate of 0, the second ruins the weights, the third shows it.
    with pytest.raises(NonFiniteLossError, match=r"step 3 \(epoch 1, step 3 of 7\), learning rate 1e\+30$"):
        train_teacher(corpora, tmp_path, settings=replace(TEACHER, learning_rate=1e30))
    assert not list(tmp_path.rglob("*.safetensors"))
    assert not (tmp_path / "record.json").exists()


def test_a_poisoned_soft_label_names_its_step(corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path) -> None:
    word = 11
    soft_labels = outputs.soft_labels.clone()
    soft_labels[word] = float("nan")
    token = np.flatnonzero(corpora.target.words >= 0)[word]
    sentence = int(np.searchsorted(corpora.target.offsets, token, side="right")) - 1
    task = corpora.student_task(outputs)
    step = next(i for i, (batch, _) in enumerate(task.steps(1)) if sentence in batch)
    rate = rate_twin(step, RUN.epochs * task.steps_per_epoch, STUDENT.warmup, STUDENT.learning_rate)
    poisoned = TeacherOutputs(soft_labels=soft_labels, source_cls=outputs.source_cls)
    with pytest.raises(NonFiniteLossError) as error:
        train_student(corpora, poisoned, tmp_path)
    assert f"at step {step + 1} (epoch 1, step {step + 1} of 5), learning rate {rate:.3g}" in str(error.value)


def test_a_failing_epoch_leaves_the_ones_before(corpora: SmallCorpora, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_teacher(corpora, tmp_path, report=killed_after(1))
    diverging = replace(TEACHER, learning_rate=1e30)
    with pytest.raises(NonFiniteLossError, match=r"epoch 2"):
        train_teacher(corpora, tmp_path, settings=diverging)
    record = TrainingDirectory(path=tmp_path, keep=lambda epochs: [1]).record()
    assert record.last == 1
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["epoch-001.safetensors"]


def test_bf16_trains_fp32_weights(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    rounded = train_teacher(corpora, tmp_path, run=replace(RUN, precision="bf16"))
    assert {weight.dtype for weight in rounded.model.trained_parameters().values()} == {torch.float32}
    losses = [[epoch.metrics["loss/total"] for epoch in t.record.epochs] for t in (rounded, teacher)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.1)


def test_one_channel_alone_can_be_trained(corpora: SmallCorpora, tmp_path: Path) -> None:
    alone = train_teacher(corpora, tmp_path, run=replace(RUN, frozen_layers=5, epochs=1))
    metrics = alone.record.epochs[0].metrics
    assert metrics["loss/main"] == pytest.approx(metrics["loss/channel_6"])
    assert metrics["loss/auxiliary"] == 0.0
