"""Fixtures of the method's tests: gradients by differences, small trainings, one thread."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_trainings import (
    CPU,
    SmallCorpora,
    Trained,
    save_teacher_outputs,
    small_corpora,
    train_student,
    train_teacher,
)

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.outputs import TeacherOutputs, load_outputs

Array = NDArray[np.float64]
Gradient = Callable[[Callable[[Array], float], Array], Array]


@pytest.fixture
def numerical_gradient() -> Gradient:
    """Gradient of a function of one float64 array, by central differences, one entry at a time."""

    def gradient(function: Callable[[Array], float], point: Array, step: float = 1e-5) -> Array:
        result = np.zeros_like(point)
        for index in np.ndindex(point.shape):
            above, below = point.copy(), point.copy()
            above[index] += step
            below[index] -= step
            result[index] = (function(above) - function(below)) / (2 * step)
        return result

    return gradient


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Small products are faster in one thread, and sums have the order of the processes that tests start."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def restored_threads() -> Iterator[None]:
    """Restores torch's threads after a test that sets them."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def corpora(tiny_encoder: EncoderFiles) -> SmallCorpora:
    return small_corpora(tiny_encoder)


@pytest.fixture(scope="session")
def teacher(corpora: SmallCorpora, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A teacher trained without interruption."""
    return train_teacher(corpora, tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="session")
def outputs_directory(corpora: SmallCorpora, teacher: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("outputs") / "de"
    save_teacher_outputs(corpora, teacher.model, directory)
    return directory


@pytest.fixture(scope="session")
def outputs(outputs_directory: Path) -> TeacherOutputs:
    return load_outputs(outputs_directory, CPU)


@pytest.fixture(scope="session")
def student(corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A student trained without interruption."""
    return train_student(corpora, outputs, tmp_path_factory.mktemp("student"))
