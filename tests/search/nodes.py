"""Nodes that share a storage and nothing else, in one process."""

from pathlib import Path

import pytest
from small_search import data

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.search.plans import Experiment, TrialReport
from msd_ray.search.prepare import prepare, read
from msd_ray.storage.layout import Storage


class Nodes:
    """`on` makes this process another node: its own files are in a cache directory of that node."""

    def __init__(self, patch: pytest.MonkeyPatch, root: Path) -> None:
        self._patch, self._root = patch, root

    def on(self, name: str) -> Path:
        self._patch.setenv("MSD_RAY_CACHE", str(self._root / name))
        return self._root / name


def prepared_at(place: str, encoder: EncoderFiles, corpora: Path) -> Experiment:
    where = data(corpora)
    return prepare(where, read(where), encoder, Storage.at(place)).experiment


def epochs(reports: list[TrialReport]) -> list[TrialReport]:
    """A student's epochs with the times at which they ended, and its end."""
    return [report for report in reports if report.epoch is not None or report.finished]


def warnings(reports: list[TrialReport]) -> list[str]:
    return [report.warning for report in reports if report.warning is not None]
