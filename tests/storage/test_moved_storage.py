"""A storage that was moved or copied after its search: the same command, and a longer one, run in the new place."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from ended_search import STUDY, conclude
from ended_search import ended as ended
from ended_search import new_process as new_process
from ended_search import search as search
from small_search import SmallSearch
from stored_runs import children
from tune_command import contents

from msd_ray.report.study_result import load_study

pytestmark = pytest.mark.slow("a search, twice extended")


def scores(root: Path) -> dict[str, dict[int, float]]:
    """Scores of the table by row and seed."""
    return {row.name: dict(row.test_by_seed) for row in load_study(STUDY, storage=root).rows}


def longer(search: SmallSearch, root: Path) -> SmallSearch:
    """The search in another storage, with one seed more."""
    return replace(search, root=root, options={**search.options, "seeds": 3})


def test_a_moved_storage_and_a_copy_of_it(search: SmallSearch, tmp_path: Path) -> None:
    before = scores(search.root)
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(search.root, moved)
    conclude(replace(search, root=moved))  # trains nothing
    assert scores(moved) == before
    assert not search.root.exists()
    copy = tmp_path / "copy"
    shutil.copytree(moved, copy)
    original = contents(moved)
    conclude(longer(search, copy))
    assert contents(moved) == original
    assert {row: len(by_seed) for row, by_seed in scores(copy).items()} == dict.fromkeys(before, 3)
    assert all(scores(copy)[row].items() >= by_seed.items() for row, by_seed in before.items())
    assert not search.root.exists()
    runs = {key for key in children(copy) if key.startswith("final/")}
    assert len(runs) == 3 * len(before)
    assert str(tmp_path / "copy") in str(load_study(STUDY, storage=copy).best)
