"""The training loop of teacher and student: steps, one report and one checkpoint per epoch.

A `Task` defines what differs between them: batches, loss and scores. Within an epoch the loop synchronises with the
device only every `CHECK_STEPS` steps, to check that losses are finite.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_linear_schedule_with_warmup

from .checkpoints import (
    EpochRecord,
    TrainingDirectory,
    TrainingRecord,
    mean_weights,
    random_state,
    restore_random_state,
)
from .device import autocast
from .optimizer import adamw, optimizer_state, restore_optimizer
from .parallel import Workers
from .settings import OptimizerSettings, RunSettings
from .tagger import MultiChannelTagger
from .within_epoch import EpochSums, Warned, WarningCheck

CHECK_STEPS = 50

Step = TypeVar("Step")
Report = Callable[[EpochRecord], None]


class NonFiniteLossError(Exception):
    """A loss or gradient is NaN or infinite; the message names epoch, step and learning rate."""


class Task(Protocol[Step]):
    """What is trained: the batches of an epoch, the loss of a batch, the scores after an epoch."""

    steps_per_epoch: int

    def steps(self, epoch: int) -> Sequence[Step]:
        """The epoch's batches as sentence indices; determined by seed and epoch."""

    def loss(self, model: MultiChannelTagger, step: Step) -> "StepLoss":
        """This worker's part of the loss of one batch."""

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """Scores of the current weights as metrics; the model is in evaluation mode."""


@dataclass(frozen=True, kw_only=True)
class StepLoss:
    """One worker's part of a batch's loss.

    Args:
        total: (), differentiable.
        parts: detached scalars to log; their sums over workers are the batch's values.
        tokens: number of tokens that this worker encoded, without padding.
    """

    total: Tensor
    parts: Mapping[str, Tensor]
    tokens: int


def spread(steps: Sequence[Step], size: Callable[[Step], int], count: int) -> list[Step]:
    """`count` steps (at most all) at even distances in order of size, from the smallest to the largest."""
    by_size = sorted(steps, key=size)
    chosen = min(count, len(by_size))
    return [by_size[int(place)] for place in (np.arange(chosen) + 0.5) * len(by_size) / chosen]


class SpreadSteps(Generic[Step]):
    """A task with short epochs, for measuring step times: steps at even distances in order of size.

    Args:
        task: the task whose steps are run.
        size: size of a step, for example its number of tokens.
        count: number of steps per epoch; all steps if the task has fewer.
    """

    def __init__(self, task: Task[Step], size: Callable[[Step], int], count: int) -> None:
        self._task = task
        self._size = size
        self.steps_per_epoch = min(count, task.steps_per_epoch)

    def steps(self, epoch: int) -> list[Step]:
        """The epoch's steps, from the smallest to the largest."""
        return spread(self._task.steps(epoch), self._size, self.steps_per_epoch)

    def loss(self, model: MultiChannelTagger, step: Step) -> StepLoss:
        """The task's loss."""
        return self._task.loss(model, step)

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """No scores: they are not part of a step."""
        return {}


def train(
    model: MultiChannelTagger,
    task: Task[Step],
    *,
    optimizer_settings: OptimizerSettings,
    run: RunSettings,
    directory: TrainingDirectory,
    device: torch.device,
    report: Report,
    warned: Warned | None = None,
) -> TrainingRecord:
    """Train `model` to its last epoch, resuming from the directory's last checkpoint, and report every epoch.

    Epochs that the directory already holds are reported first, unchanged: a listener may receive an epoch twice but
    misses none. With `run.average_epochs` > 1, the mean of the weights of that many last epochs is scored and stored
    as the epoch after the last.

    Args:
        model: tagger with its initial weights, on `device`.
        task: batches, loss and scores.
        optimizer_settings: AdamW's hyperparameters.
        run: settings of the study, and the seed.
        directory: where checkpoints are stored and resumed from.
        device: this worker's device.
        report: called with the record of every epoch.
        warned: called about once per second; a checkpoint within the epoch is written if it returns True.

    Returns:
        The complete record.

    Raises:
        NonFiniteLossError: a loss or gradient is not finite.
        DamagedError: a stored file is missing or changed.
    """
    assert directory.resume_epochs >= run.average_epochs, "the epochs to average would be removed"
    workers = Workers.current()
    trained = model.trained_parameters()
    optimizer = adamw(trained, optimizer_settings, device)
    # Each worker draws its own dropout; the initial weights, drawn before, are equal on all workers.
    torch.manual_seed(run.seed * 1_000_003 + workers.rank)
    record = workers.from_first(directory.record)
    for epoch_record in record.epochs:
        report(epoch_record)
    if record.complete:
        return record
    sums = _restore(model, optimizer, directory, record, workers, device)
    steps = run.epochs * task.steps_per_epoch
    schedule: LambdaLR = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
        optimizer,
        round(optimizer_settings.warmup * steps),
        steps,
        last_epoch=record.last * task.steps_per_epoch + record.steps - 1,
    )

    def checkpoint(sums: EpochSums) -> None:
        _commit(directory, replace(record, steps=sums.steps), trained, optimizer, workers, device, sums)

    for epoch in range(record.last + 1, run.epochs + 1):
        metrics = _train_epoch(model, task, epoch, optimizer, schedule, run, device, sums, warned, checkpoint)
        sums = EpochSums()
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
    sums: EpochSums,
    warned: Warned | None,
    checkpoint: Callable[[EpochSums], None],
) -> dict[str, float]:
    """The epoch's steps after those in `sums`; returns the means of the logged values, and the speed."""
    model.train()
    workers = Workers.current()
    parameters = list(model.trained_parameters().values())
    started = time.perf_counter() - sums.seconds
    check = WarningCheck(warned, sums.steps)
    first_bad = torch.full((), -1, device=device)
    steps = task.steps(epoch)
    for number, step in enumerate(steps[sums.steps :], sums.steps):
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
        sums.add({**loss.parts, "gradient_norm": norm / workers.size}, loss.tokens)
        due = sums.steps < len(steps) and check.is_due(sums.steps)
        if due or sums.steps % CHECK_STEPS == 0 or sums.steps == len(steps):
            _check_finite(max(workers.gather_objects(int(first_bad))), epoch, len(steps), schedule)
        if due:
            sums.seconds = time.perf_counter() - started
            checkpoint(sums)
    seconds = time.perf_counter() - started
    return {
        **{name: float(workers.sum(value)) / len(steps) for name, value in sums.values.items()},
        "learning_rate": float(schedule.get_last_lr()[0]),
        "time/train_seconds": seconds,
        "time/tokens_per_second": sum(workers.gather_objects(sums.tokens)) / seconds,
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


def _commit(
    directory: TrainingDirectory,
    record: TrainingRecord,
    trained: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.AdamW,
    workers: Workers,
    device: torch.device,
    sums: EpochSums | None = None,
) -> None:
    """Store the last epoch of `record`, or with `sums` the steps after it."""
    own = workers.gather_objects({**random_state(device), **(sums.state() if sums else {})})
    if workers.first:
        state = optimizer_state(optimizer, trained)
        for rank, values in enumerate(own):
            state |= {f"{rank}/{name}": value for name, value in values.items()}
        weights = {name: p.detach() for name, p in trained.items()}
        if sums:
            weights = {f"weights/{name}": value for name, value in weights.items()}
            directory.commit_within_epoch(record, {**weights, **state})
        else:
            directory.commit(record, weights, state)
    workers.barrier()


def _restore(
    model: MultiChannelTagger,
    optimizer: torch.optim.AdamW,
    directory: TrainingDirectory,
    record: TrainingRecord,
    workers: Workers,
    device: torch.device,
) -> EpochSums:
    """Restore the last checkpoint, if there is one; returns the sums of the epoch that it lies within."""
    if not record.last and not record.steps:
        return EpochSums()
    if record.steps:
        state = directory.load_state_within_epoch()
        model.load_trained(_below("weights/", state))
    else:
        state = directory.load_state(record.last)
        model.load_trained(directory.load_weights(record.last))
    restore_optimizer(optimizer, model.trained_parameters(), state)
    own = _below(f"{workers.rank}/", state)
    restore_random_state(own, device)
    return EpochSums.from_state(own, record.steps, device) if record.steps else EpochSums()


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
