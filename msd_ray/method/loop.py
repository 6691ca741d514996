"""The training loop that teacher and student share: epochs of steps, a report and a checkpoint an epoch.

What differs between them is a `Task`: its batches, its loss and its scores. The loop never waits for the device
within an epoch but every `CHECK_STEPS` steps, when it looks whether a loss was not finite.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_linear_schedule_with_warmup

from .checkpoints import (
    EpochRecord,
    TrainingDirectory,
    TrainingRecord,
    mean_weights,
    optimizer_state,
    random_state,
    restore_optimizer,
    restore_random_state,
)
from .device import autocast
from .parallel import Workers
from .settings import OptimizerSettings, RunSettings
from .tagger import MultiChannelTagger

CHECK_STEPS = 50

Step = TypeVar("Step")
Report = Callable[[EpochRecord], None]


class NonFiniteLossError(Exception):
    """A loss that is NaN or infinite: the message names epoch, step and learning rate."""


class Task(Protocol[Step]):
    """What is trained: batches of an epoch, the loss of one, and the scores after an epoch."""

    steps_per_epoch: int

    def steps(self, epoch: int) -> Sequence[Step]:
        """The epoch's batches, by sentence index; the same for the same seed and epoch."""

    def loss(self, model: MultiChannelTagger, step: Step) -> "StepLoss":
        """This worker's part of the loss of one batch."""

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """Dev scores with the weights as they are; the model is in evaluation mode."""


@dataclass(frozen=True, kw_only=True)
class StepLoss:
    """One worker's part of a batch's loss.

    total: (), differentiable. parts: detached scalars to log, which add up over workers to the batch's.
    tokens: encoded by this worker, padding not counted.
    """

    total: Tensor
    parts: Mapping[str, Tensor]
    tokens: int


def train(
    model: MultiChannelTagger,
    task: Task[Step],
    *,
    optimizer_settings: OptimizerSettings,
    run: RunSettings,
    directory: TrainingDirectory,
    device: torch.device,
    report: Report,
) -> TrainingRecord:
    """Train `model` to its last epoch, or go on from the directory's last one, and report every epoch.

    Epochs that the directory already holds are reported first, exactly as they were: whoever listens may see an
    epoch twice but never misses one. With `run.average_epochs` above 1 the mean of the weights of the last so many
    epochs follows as the epoch after the last one, scored as they are. Raises NonFiniteLossError.
    """
    assert directory.going_on >= run.average_epochs, "the epochs to average would be removed"
    workers = Workers.current()
    trained = model.trained_parameters()
    optimizer = _adamw(trained, optimizer_settings, device)
    # Each worker draws its own dropout; the model's initial weights were drawn before, alike on all.
    torch.manual_seed(run.seed * 1_000_003 + workers.rank)
    record = workers.from_first(directory.record)
    for epoch_record in record.epochs:
        report(epoch_record)
    if record.complete:
        return record
    if record.last:
        _restore(model, optimizer, directory, record.last, workers, device)
    steps = run.epochs * task.steps_per_epoch
    schedule: LambdaLR = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
        optimizer,
        round(optimizer_settings.warmup * steps),
        steps,
        last_epoch=record.last * task.steps_per_epoch - 1,
    )
    for epoch in range(record.last + 1, run.epochs + 1):
        metrics = _train_epoch(model, task, epoch, optimizer, schedule, run, device)
        record = _with_epoch(record, {**metrics, **_scores(model, task, run, device)}, run)
        _commit(directory, record, trained, optimizer, workers, device)
        report(record.epochs[-1])
    if not record.complete:
        last = min(run.average_epochs, run.epochs)
        epochs = range(run.epochs - last + 1, run.epochs + 1)
        model.load_trained(mean_weights([directory.load_weights(epoch) for epoch in epochs]))
        record = _with_epoch(record, {**_scores(model, task, run, device), "averaged_epochs": last}, run)
        _commit(directory, record, trained, optimizer, workers, device)
        report(record.epochs[-1])
    return record


def _scores(model: MultiChannelTagger, task: Task[Step], run: RunSettings, device: torch.device) -> dict[str, float]:
    model.eval()
    with torch.inference_mode(), autocast(device, run.precision):
        return task.scores(model)


def _with_epoch(record: TrainingRecord, metrics: Mapping[str, float], run: RunSettings) -> TrainingRecord:
    done = EpochRecord(epoch=record.last + 1, timestamp_ms=time.time_ns() // 1_000_000, metrics=metrics)
    return TrainingRecord(epochs=(*record.epochs, done), complete=done.epoch == run.candidates)


def _train_epoch(
    model: MultiChannelTagger,
    task: Task[Step],
    epoch: int,
    optimizer: torch.optim.AdamW,
    schedule: LambdaLR,
    run: RunSettings,
    device: torch.device,
) -> dict[str, float]:
    """One pass over the epoch's batches; the means of what was logged, and the speed."""
    model.train()
    workers = Workers.current()
    parameters = list(model.trained_parameters().values())
    started = time.perf_counter()
    sums: dict[str, Tensor] = {}
    tokens = 0
    first_bad = torch.full((), -1, device=device)
    steps = task.steps(epoch)
    for number, step in enumerate(steps):
        with autocast(device, run.precision):
            loss = task.loss(model, step)
        loss.total.backward()  # type: ignore[no-untyped-call]
        workers.sum_gradients(parameters)
        norm = torch.nn.utils.clip_grad_norm_(parameters, run.clip)
        bad = (first_bad < 0) & ~(torch.isfinite(loss.total.detach()) & torch.isfinite(norm))
        first_bad = torch.where(bad, number, first_bad)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        for name, value in {**loss.parts, "gradient_norm": norm / workers.size}.items():
            sums[name] = sums[name] + value if name in sums else value
        tokens += loss.tokens
        if (number + 1) % CHECK_STEPS == 0 or number + 1 == len(steps):
            _check_finite(max(workers.gather_objects(int(first_bad))), epoch, len(steps), schedule)
    seconds = time.perf_counter() - started
    return {
        **{name: float(workers.sum(value)) / len(steps) for name, value in sums.items()},
        "learning_rate": float(schedule.get_last_lr()[0]),
        "time/train_seconds": seconds,
        "time/tokens_per_second": sum(workers.gather_objects(tokens)) / seconds,
    }


def _check_finite(first_bad: int, epoch: int, steps: int, schedule: LambdaLR) -> None:
    if first_bad < 0:
        return
    step = (epoch - 1) * steps + first_bad
    rate = schedule.base_lrs[0] * schedule.lr_lambdas[0](step)
    raise NonFiniteLossError(
        f"the loss or its gradient is not finite at step {step + 1} (epoch {epoch}, "
        f"step {first_bad + 1} of {steps}), learning rate {rate:.3g}"
    )


def _adamw(
    trained: Mapping[str, torch.nn.Parameter], settings: OptimizerSettings, device: torch.device
) -> torch.optim.AdamW:
    """AdamW without weight decay on biases, LayerNorm and layer weights; terminals and omega at rates of their own."""
    factors = {
        "terminal_weight": settings.head_learning_rate,
        "terminal_bias": settings.head_learning_rate,
        "omega": settings.omega_learning_rate,
    }
    # The encoder's matrices first: the first group's rate is the one that is logged.
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {(1.0, True): [], (1.0, False): []}
    for name, parameter in trained.items():
        decays = parameter.ndim > 1 and not name.endswith("bias")
        groups.setdefault((factors.get(name, 1.0), decays), []).append(parameter)
    rate = settings.learning_rate
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": settings.weight_decay if decays else 0.0,
                # The schedule reads the peak from here.
                "initial_lr": factor * rate,
            }
            for (factor, decays), parameters in groups.items()
        ],
        lr=rate,
        fused=device.type in ("cuda", "cpu"),
    )


def _commit(
    directory: TrainingDirectory,
    record: TrainingRecord,
    trained: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.AdamW,
    workers: Workers,
    device: torch.device,
) -> None:
    randoms = workers.gather_objects(random_state(device))
    if workers.first:
        state = optimizer_state(optimizer, trained)
        for rank, values in enumerate(randoms):
            state |= {f"{rank}/{name}": value for name, value in values.items()}
        directory.commit(record, {name: p.detach() for name, p in trained.items()}, state)
    workers.barrier()


def _restore(
    model: MultiChannelTagger,
    optimizer: torch.optim.AdamW,
    directory: TrainingDirectory,
    epoch: int,
    workers: Workers,
    device: torch.device,
) -> None:
    model.load_trained(directory.load_weights(epoch))
    state = directory.load_state(epoch)
    restore_optimizer(optimizer, model.trained_parameters(), state)
    own = f"{workers.rank}/"
    restore_random_state(
        {name.removeprefix(own): value for name, value in state.items() if name.startswith(own)}, device
    )
