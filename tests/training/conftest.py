"""Fixtures of the training tests: one small teacher and its outputs, for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
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


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Tiny products are faster in one thread, and sums are in the order of the processes that tests start."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def kept_threads() -> Iterator[None]:
    """A test sets torch's threads: those of the others stay."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def corpora(tiny_encoder: EncoderFiles) -> SmallCorpora:
    return small_corpora(tiny_encoder)


@pytest.fixture(scope="session")
def teacher(corpora: SmallCorpora, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A teacher that nothing disturbed."""
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
    """A student that nothing disturbed."""
    return train_student(corpora, outputs, tmp_path_factory.mktemp("student"))
