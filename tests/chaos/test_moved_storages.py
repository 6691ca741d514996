"""The storage of a killed search is moved, and a copy of it kept; the command goes on in the new place alone."""

import random
import shutil
from dataclasses import replace
from functools import partial

import pytest
from disturbed_search import Disturb, wait_for
from fault_table import Note
from places import four_places
from small_search import SmallSearch
from stored_runs import assert_same_outcome, assert_settled
from three_nodes import ThreeNodes
from tune_command import contents
from tune_process import is_dead

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7200)]

WAIT_S = 3000  # where others keep the processors busy


def test_a_moved_storage(
    disturb: Disturb, cluster: ThreeNodes, undisturbed: SmallSearch, dice: random.Random, note: Note
) -> None:
    *_, student, final = four_places(dice, undisturbed)
    place = dice.choice([student, final])
    search = disturb(place, workers=0)
    original = search.storage
    with search.start() as tune:
        trial = search.wait_at(tune, place)
        tune.process.kill()
        tune.process.wait()
    wait_for(partial(is_dead, trial), f"the end of process {trial}")  # it could write to the old place
    moved, copy = original.with_name("moved"), original.with_name("copy")
    shutil.move(original, moved)
    shutil.copytree(moved, copy)
    before = contents(copy)
    search.search = replace(search.search, root=moved)
    with search.start() as tune:
        assert tune.wait(WAIT_S) == 0, tune.output
    assert not original.exists()
    assert contents(copy) == before
    assert_settled(moved)
    assert_same_outcome(moved, undisturbed.root)
    cluster.assert_free()
    note(
        "driver killed, storage moved, command started again in the new place", "same outcome; nothing in the old", None
    )
