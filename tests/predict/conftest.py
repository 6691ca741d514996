"""An exported student of a tiny encoder."""

from pathlib import Path

import pytest
import torch
from students import exported

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.predict.export import LoadedStudent, load_student


@pytest.fixture(scope="module")
def directory(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "student"
    exported(tiny_encoder, path)
    return path


@pytest.fixture(scope="module")
def student(directory: Path) -> LoadedStudent:
    return load_student(directory, torch.device("cpu"))
