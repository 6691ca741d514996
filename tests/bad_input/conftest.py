"""A command line that would run, a corpus and a place without a hub, for mistakes to be made with."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from huggingface_hub import constants
from tune_command import SENTENCE, UNREACHABLE, small_command

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.hub import why_unreachable


@pytest.fixture
def small(tiny_encoder: EncoderFiles, tmp_path: Path) -> list[str]:
    """A command line that would run; what is added to it goes wrong."""
    return small_command(tiny_encoder.directory, tmp_path / "runs")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The storage of `small`."""
    return tmp_path / "runs"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A directory in CoNLL-2002's form with everything that English to Dutch needs."""
    directory = tmp_path / "conll"
    directory.mkdir()
    for name in ("eng.train", "eng.testa", "ned.train", "ned.testa", "ned.testb"):
        (directory / name).write_text(f"{SENTENCE}\n" * 4)
    return directory


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The hub's client, whose settings are read at its import, sent to a closed port with an empty cache."""
    files = urlparse(constants.HUGGINGFACE_CO_URL_TEMPLATE).path
    monkeypatch.setattr(constants, "ENDPOINT", UNREACHABLE)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", UNREACHABLE + files)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    why_unreachable.cache_clear()
    yield tmp_path / "hub"
    why_unreachable.cache_clear()
