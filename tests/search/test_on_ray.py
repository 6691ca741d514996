"""Phases on a real Ray cluster: workers that die or hang, trials that are stopped, resources that come back."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorded import assert_same_outcome, assert_settled, children
from small_search import MakeSearch, SmallSearch
from tune_process import Tune

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # minutes where others keep the processors busy

PROGRAM = str(Path(__file__).with_name("ray_search.py"))


def on_ray(search: SmallSearch, *, workers: int, stall_s: float, what: str, ends_with: int) -> dict[str, Any]:
    """Run the search on a cluster of its own; what its driver saw."""
    directory = search.root.parent
    (directory / "search.pickle").write_bytes(pickle.dumps(search))
    report = directory / "report.json"
    arguments = [str(directory / "search.pickle"), str(report), str(workers), str(stall_s), what]
    with Tune(arguments, directory / "log", (PROGRAM,)) as driver:
        assert driver.wait() == ends_with, driver.output
    return dict(json.loads(report.read_text()))


def test_killed_worker_is_started_again_and_ends_with_the_same_weights(
    new_search: MakeSearch, undisturbed: SmallSearch
) -> None:
    search = new_search()
    fewer = replace(search, options={"trials": 1, "teacher_trials": 1, "seeds": 1})
    report = on_ray(fewer, workers=1, stall_s=300, what="kill", ends_with=0)
    assert len(report["killed"]) == 1
    assert_settled(search.root)
    recorded, expected = children(search.root), children(undisturbed.root)
    final = next(key for key in expected if key.startswith("final/paper/") and key.endswith("seed-3"))
    assert recorded.keys() == {"teacher/0", "student/0", final}
    for key, run in recorded.items():
        assert run.tags["weights_sha256"] == expected[key].tags["weights_sha256"], key
        assert run.scores == expected[key].scores, key


def test_stopped_trials_give_their_resources_back(new_search: MakeSearch) -> None:
    search = new_search()
    options = {"trials": 4, "teacher_trials": 1, "seeds": 1}
    report = on_ray(replace(search, options=options), workers=1, stall_s=120, what="stop", ends_with=0)
    assert_settled(search.root)
    states = [run.tags["state"] for key, run in children(search.root).items() if key.startswith("student/")]
    assert states == ["COMPLETE", *["PRUNED"] * 3]
    # Three lost CPUs of two would have stalled the search; after each phase all are back.
    assert report["free"] == [2.0, 2.0, 2.0]


def test_trial_that_ends_while_the_driver_is_busy_ends(new_search: MakeSearch) -> None:
    """Ray's own way of handing reports from Train to Tune would have it wait for itself."""
    search = new_search()
    options = {"trials": 1, "teacher_trials": 1, "seeds": 1}
    on_ray(replace(search, options=options), workers=1, stall_s=60, what="slow", ends_with=0)
    assert_settled(search.root)


def test_phase_whose_trial_hangs_ends_within_its_bound(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    search = new_search()
    report = on_ray(search, workers=0, stall_s=20, what="hang", ends_with=3)
    assert len(report["killed"]) == 1
    assert "no trial made progress for 2" in report["reason"]
    assert "1 trials wait, the cluster has free: 1 CPUs" in report["reason"]
    assert children(search.root)["student/0"].status == "RUNNING"
    # It goes on where it was.
    search.run()
    assert_settled(search.root)
    assert_same_outcome(search.root, undisturbed.root)
