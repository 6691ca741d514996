"""The operations that take most of a training step's time, from torch's profiler."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from torch.profiler import ProfilerActivity, profile

from msd_ray.method.checkpoints import TrainingDirectory
from msd_ray.method.loop import StepLoss, Task, train
from msd_ray.method.settings import OptimizerSettings
from msd_ray.method.tagger import MultiChannelTagger

from .speeds import Bench

ROWS = 14
Step = TypeVar("Step")


def print_step_profile(title: str, bench: Bench, task: Task[Step], settings: OptimizerSettings) -> None:
    """Print time share and number of calls of the most expensive operations in the steps of a new tagger.

    Times are self times on the device (GPU or CPU). The steps of a first epoch warm up and are not counted.
    """
    run = replace(bench.run, epochs=2, average_epochs=1)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if bench.device.type == "cuda" else [])]
    profiled = profile(activities=activities)
    with tempfile.TemporaryDirectory() as directory:
        train(
            replace(bench, run=run).tagger(settings),
            _SecondEpoch(task, profiled),
            optimizer_settings=settings,
            run=run,
            directory=TrainingDirectory(path=Path(directory), keep=lambda _: []),
            device=bench.device,
            report=lambda _: None,
        )
    # GPU kernels have separate rows in addition to those of the operations that launched them.
    events = [event for event in profiled.key_averages() if event.device_type.name == "CPU"]
    on_gpu = bench.device.type == "cuda"
    times = [float(event.self_device_time_total if on_gpu else event.self_cpu_time_total) for event in events]
    total = sum(times)
    print(f"\n{title}: share of {'GPU' if on_gpu else 'processor'} time, calls")
    for taken, event in sorted(zip(times, events, strict=True), key=lambda row: -row[0])[:ROWS]:
        print(f"  {event.key[:56]:58}{taken / total:6.1%}{event.count:8d}")


class _SecondEpoch(Generic[Step]):
    """A task that profiles the steps of the second epoch, without the work between epochs."""

    def __init__(self, task: Task[Step], profiled: profile) -> None:
        self._task = task
        self._profiled = profiled
        self._second = False
        self.steps_per_epoch = task.steps_per_epoch

    def steps(self, epoch: int) -> Sequence[Step]:
        """Return the task's steps, and start the profiler in the second epoch."""
        steps = self._task.steps(epoch)
        if epoch == 2:
            self._second = True
            self._profiled.start()
        return steps

    def loss(self, model: MultiChannelTagger, step: Step) -> StepLoss:
        """Return the task's loss."""
        return self._task.loss(model, step)

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """Return no scores, and stop the profiler at the end of the epoch."""
        if self._second:
            self._profiled.stop()
        return {}
