"""A command line that would run, and an encoder's directory to spoil."""

import shutil
from pathlib import Path

import pytest
from tune_command import small_command

from msd_ray.data.encoders.files import EncoderFiles


@pytest.fixture
def small(tiny_encoder: EncoderFiles, tmp_path: Path) -> list[str]:
    """A command line that would run; what is added to it goes wrong."""
    return small_command(tiny_encoder.directory, tmp_path / "runs")


@pytest.fixture
def encoder(tiny_encoder: EncoderFiles, tmp_path: Path) -> Path:
    """A copy of the tiny encoder's directory."""
    return Path(shutil.copytree(tiny_encoder.directory, tmp_path / "encoder"))
