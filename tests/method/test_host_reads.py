"""No step of an epoch synchronises with the device: values are read after the epoch's last step."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from small_trainings import (
    ALL_RUN,
    ALL_STUDENT,
    ALL_TEACHER,
    RUN,
    STUDENT,
    TEACHER,
    SmallCorpora,
    train_student,
    train_teacher,
)
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import RunSettings, StudentSettings, TeacherSettings


class HostReads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the reads of a tensor's value: item, float, int, bool, tolist of a scalar."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.fixture
def reads_at_steps() -> Iterator[Callable[[Callable[[], object]], list[int]]]:
    """Run a training; return the number of reads before each step."""
    handles = []

    def count(training: Callable[[], object]) -> list[int]:
        counts: list[int] = []
        with HostReads() as reads:  # type: ignore[no-untyped-call]
            handles.append(register_optimizer_step_pre_hook(lambda *_: counts.append(reads.count)))
            training()
        return counts

    yield count
    for handle in handles:
        handle.remove()


def assert_read_between_epochs_alone(counts: list[int]) -> None:
    steps = len(counts) // RUN.epochs
    assert steps > 2
    epochs = [counts[first : first + steps] for first in range(0, len(counts), steps)]
    assert [len(set(epoch)) for epoch in epochs] == [1] * RUN.epochs, "no read from step to step"
    assert len(set(counts)) == RUN.epochs, "the count counts: losses are read after each epoch"


@pytest.mark.parametrize(("settings", "run"), [(TEACHER, RUN), (ALL_TEACHER, ALL_RUN)], ids=["paper", "everything"])
def test_a_teachers_steps(
    corpora: SmallCorpora,
    tmp_path: Path,
    reads_at_steps: Callable[[Callable[[], object]], list[int]],
    settings: TeacherSettings,
    run: RunSettings,
) -> None:
    counts = reads_at_steps(lambda: train_teacher(corpora, tmp_path, settings=settings, run=run))
    assert_read_between_epochs_alone(counts)


@pytest.mark.parametrize(("settings", "run"), [(STUDENT, RUN), (ALL_STUDENT, ALL_RUN)], ids=["paper", "everything"])
def test_a_students_steps(
    corpora: SmallCorpora,
    outputs: TeacherOutputs,
    tmp_path: Path,
    reads_at_steps: Callable[[Callable[[], object]], list[int]],
    settings: StudentSettings,
    run: RunSettings,
) -> None:
    counts = reads_at_steps(lambda: train_student(corpora, outputs, tmp_path, settings=settings, run=run))
    assert_read_between_epochs_alone(counts)
