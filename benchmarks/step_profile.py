"""Which operations a training step's time goes to, from torch's profiler."""

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
    """Print the share of the steps' time and the calls of the operations that take most, of a fresh tagger's steps.

    An operation's time is that of the device (a GPU's where there is one), without the operations that it calls. The
    steps of a first epoch warm up and are not counted.
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
    # A GPU's kernels have rows of their own beside those of the operations that launched them.
    events = [event for event in profiled.key_averages() if event.device_type.name == "CPU"]
    on_gpu = bench.device.type == "cuda"
    times = [float(event.self_device_time_total if on_gpu else event.self_cpu_time_total) for event in events]
    total = sum(times)
    print(f"\n{title}: share of {'GPU' if on_gpu else 'processor'} time, calls")
    for taken, event in sorted(zip(times, events, strict=True), key=lambda row: -row[0])[:ROWS]:
        print(f"  {event.key[:56]:58}{taken / total:6.1%}{event.count:8d}")


class _SecondEpoch(Generic[Step]):
    """A task whose second epoch's steps run under the profiler; what lies between epochs does not."""

    def __init__(self, task: Task[Step], profiled: profile) -> None:
        self._task = task
        self._profiled = profiled
        self._second = False
        self.steps_per_epoch = task.steps_per_epoch

    def steps(self, epoch: int) -> Sequence[Step]:
        """The task's own; the profiler starts with those of the second epoch."""
        steps = self._task.steps(epoch)
        if epoch == 2:
            self._second = True
            self._profiled.start()
        return steps

    def loss(self, model: MultiChannelTagger, step: Step) -> StepLoss:
        """The task's own."""
        return self._task.loss(model, step)

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        """None: the steps of the epoch have ended, and the profiler stops."""
        if self._second:
            self._profiled.stop()
        return {}
