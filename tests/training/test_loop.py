"""The training loop: seeds, the optimiser's settings, losses that are not finite, and that it learns."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from torch.optim.optimizer import register_optimizer_step_pre_hook

from msd_ray.training.checkpoints import TrainingDirectory
from msd_ray.training.loop import NonFiniteLossError
from msd_ray.training.outputs import TeacherOutputs

Watch = Callable[[torch.optim.Optimizer], None]


@pytest.fixture
def watch_steps() -> Iterator[Callable[[Watch], None]]:
    """Calls a function with the optimiser before each of its steps."""
    handles = []

    def start(watch: Watch) -> None:
        def hook(optimizer: torch.optim.Optimizer, arguments: Any, options: Any) -> None:
            watch(optimizer)

        handles.append(register_optimizer_step_pre_hook(hook))

    yield start
    for handle in handles:
        handle.remove()


def rate_twin(step: int, steps: int, warmup: float, peak: float) -> float:
    """Linear up to `peak` and down to 0."""
    rising = round(warmup * steps)
    return peak * (step / rising if step < rising else (steps - step) / (steps - rising))


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


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5])
def test_learning_rates(
    corpora: SmallCorpora, tmp_path: Path, watch_steps: Callable[[Watch], None], warmup: float
) -> None:
    rates: list[list[float]] = []
    watch_steps(lambda optimizer: rates.append([group["lr"] for group in optimizer.param_groups]))
    trained = train_teacher(corpora, tmp_path, settings=replace(TEACHER, warmup=warmup))
    steps = RUN.epochs * corpora.teacher_task().steps_per_epoch
    assert steps == 21
    twin = [rate_twin(step, steps, warmup, TEACHER.learning_rate) for step in range(steps + 1)]
    np.testing.assert_allclose(rates, [[rate, rate] for rate in twin[:-1]], rtol=1e-12)
    logged = [epoch.metrics["learning_rate"] for epoch in trained.record.epochs]
    np.testing.assert_allclose(logged, twin[7::7], rtol=1e-12)


def test_weight_decay_and_clipping(corpora: SmallCorpora, tmp_path: Path, watch_steps: Callable[[Watch], None]) -> None:
    decays: dict[int, float] = {}
    norms: list[float] = []

    def watch(optimizer: torch.optim.Optimizer) -> None:
        parameters = [(p, group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]]
        decays.update({id(parameter): decay for parameter, decay in parameters})
        norms.append(float(sum(p.grad.square().sum() for p, _ in parameters)) ** 0.5)

    watch_steps(watch)
    run, settings = replace(RUN, clip=0.3, epochs=1), replace(TEACHER, weight_decay=0.05)
    trained = train_teacher(corpora, tmp_path, settings=settings, run=run)
    assert max(norms) == pytest.approx(0.3, rel=1e-3)
    assert trained.record.epochs[0].metrics["gradient_norm"] > 0.3, "it is logged as it was before it was clipped"
    parameters = trained.model.trained_parameters()
    assert {id(parameter) for parameter in parameters.values()} == decays.keys()
    for name, parameter in parameters.items():
        none = name in ("omega", "terminal_bias") or name.endswith(".bias") or "LayerNorm" in name
        assert decays[id(parameter)] == (0.0 if none else 0.05), name


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


def test_half_precision_keeps_weights_in_full(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    rounded = train_teacher(corpora, tmp_path, run=replace(RUN, precision="bf16"))
    assert {value.dtype for value in rounded.weights.values()} <= {torch.float32, torch.int64}
    losses = [[epoch.metrics["loss/total"] for epoch in t.record.epochs] for t in (rounded, teacher)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.1)


def test_one_channel_alone_can_be_trained(corpora: SmallCorpora, tmp_path: Path) -> None:
    alone = train_teacher(corpora, tmp_path, run=replace(RUN, frozen_layers=5, epochs=1))
    metrics = alone.record.epochs[0].metrics
    assert metrics["loss/main"] == pytest.approx(metrics["loss/channel_6"])
    assert metrics["loss/auxiliary"] == 0.0
