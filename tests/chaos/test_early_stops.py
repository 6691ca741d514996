"""Trials with Ray Train, stopped early one after the other: each gives back the only CPU there is.

CHAOS_STOPS says how many, 6 without it. Ray Train's own cleaner of placement groups is not started (see
`msd_ray.search.on_ray.workers`): the driver alone frees what a stopped trial had reserved.
"""

import os
import statistics

import pytest
from fault_table import Note
from ray_driver import HELPERS, on_ray
from small_search import MakeSearch
from stored_runs import assert_settled, children

STOPS = int(os.environ.get("CHAOS_STOPS", "6"))
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600 + 120 * STOPS)]


def test_each_stopped_trial_gives_its_resources_back(new_search: MakeSearch, note: Note) -> None:
    search = new_search(options={"trials": 1 + STOPS, "teacher_trials": 1, "seeds": 1})
    seen = on_ray(search, "stop", "one-cpu", workers=1, stall_s=300, ends_with=0, timeout_s=600 + 120 * STOPS)
    assert_settled(search.root)
    states = [run.tags["state"] for key, run in children(search.root).items() if key.startswith("student/")]
    assert states == ["COMPLETE", *["PRUNED"] * STOPS]
    assert set(seen["processes"]) & HELPERS == set()
    # On one CPU, a single one that does not come back would be the end of the search.
    assert seen["free"] == [1.0, 1.0, 1.0]
    assert len(seen["between"]) == STOPS - 1
    note(
        f"{STOPS} trials in a row stopped early",
        "all resources back after each (median from a stop to the next trial's first epoch)",
        statistics.median(seen["between"]),
    )
