"""A search that ended long ago, and the output of `python -m msd_ray.storage` for its storage."""

import json
import os
import shutil
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from small_search import SmallSearch, write_corpora

from msd_ray.cli import search_study
from msd_ray.cli.options import parse
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.storage.__main__ import main
from msd_ray.storage.uses import _mark

STUDY = "wikiann-ar"


@pytest.fixture(autouse=True)
def new_process() -> None:
    """Each process records a use once."""
    _mark.cache_clear()


def conclude(search: SmallSearch) -> None:
    """Run a search as the command does, up to its registered winner."""
    rows = search.run()
    setup = search.setup()
    options = parse(search.arguments())
    won, _ = search_study.conclude(setup, options, search_study.open_tracker(setup), rows, Console(file=StringIO()))
    assert won


@pytest.fixture(scope="module")
def ended(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> SmallSearch:
    """A search that ended long ago, with artifacts of every kind. Tests must copy it."""
    directory = tmp_path_factory.mktemp("ended")
    corpora = write_corpora(directory / "corpora", langs=("en", "ar"))
    (directory / "storage").mkdir()
    search = SmallSearch(
        root=directory / "storage",
        encoder=tiny_encoder.directory,
        data_dir=corpora,
        options={"frozen_prefix": "once"},
    )
    _mark.cache_clear()
    conclude(search)
    make_old(search.root)
    return search


@pytest.fixture
def search(ended: SmallSearch, tmp_path: Path) -> SmallSearch:
    """A copy of it."""
    shutil.copytree(ended.root, tmp_path / "storage")
    return replace(ended, root=tmp_path / "storage")


def make_old(root: Path, days: float = 10) -> None:
    then = time.time() - days * 86400
    for path in root.rglob("*"):
        os.utime(path, (then, then))


def listed(root: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, object]:
    """By artifact, why it is retained; None if it can be removed."""
    assert main(["list", "--storage", str(root), "--json", *more]) == 0
    return {one["name"]: one["retained"] for one in json.loads(capsys.readouterr().out)["artifacts"]}
