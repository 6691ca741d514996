"""Phases on a real Ray cluster: dying workers, pruned trials, freed and missing resources."""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import ray_driver
from shared_ray import SharedRay
from small_search import MakeSearch, SmallSearch
from stored_runs import assert_same_outcome, assert_settled, children
from tune_process import is_loopback

pytestmark = [
    pytest.mark.slow("a search on Ray: the driver and each process of a trial import torch and transformers"),
    pytest.mark.cluster,
    pytest.mark.timeout(1200),
]  # minutes where others keep the processors busy

Troubled = tuple[SmallSearch, dict[str, Any]]
OnRay = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def on_ray(ray_cluster: SharedRay) -> OnRay:
    return partial(ray_driver.on_ray, environment=ray_cluster.environment)


@pytest.fixture(scope="module")
def troubled(new_search: MakeSearch, on_ray: OnRay) -> Troubled:
    """A search with Ray Train that ended all the same, and what its driver saw. Read-only."""
    search = new_search(options={"trials": 4, "teacher_trials": 1, "seeds": 1})
    return search, on_ray(search, "busy", "kill", "stop", workers=1, stall_s=120, ends_with=0)


def test_trial_that_ends_while_the_driver_is_busy_ends(troubled: Troubled) -> None:
    """Ray's own way of handing reports from Train to Tune would have it wait for itself."""
    search, _ = troubled
    assert_settled(search.root)
    assert children(search.root)["teacher/0"].tags["state"] == "COMPLETE"


def test_killed_worker_is_started_again_and_ends_with_the_same_weights(
    troubled: Troubled, undisturbed: SmallSearch
) -> None:
    search, report = troubled
    assert len(report["killed"]) == 1
    recorded, expected = children(search.root), children(undisturbed.root)
    final = next(key for key in expected if key.startswith("final/paper/") and key.endswith("seed-3"))
    for key in ("teacher/0", "student/0", final):
        assert recorded[key].tags["weights_sha256"] == expected[key].tags["weights_sha256"], key
        assert recorded[key].scores == expected[key].scores, key


def test_stopped_trials_give_their_resources_back(troubled: Troubled) -> None:
    search, report = troubled
    states = [run.tags["state"] for key, run in children(search.root).items() if key.startswith("student/")]
    assert states == ["COMPLETE", *["PRUNED"] * 3]
    # Three lost CPUs of two would have stalled the search; after each phase all are back.
    assert report["free"] == [2.0, 2.0, 2.0]


def test_phase_whose_resources_do_not_come_ends_within_its_bound(
    new_search: MakeSearch, on_ray: OnRay, undisturbed: SmallSearch
) -> None:
    search = new_search()
    report = on_ray(search, "starve", workers=0, stall_s=5, ends_with=3)
    (silent_s,) = re.findall(r"no trial got resources for (\d+) s", report["reason"])
    assert 5 <= int(silent_s) < 60
    assert "1 trials are pending; the cluster has free: 2 CPUs" in report["reason"]
    assert children(search.root)["teacher/0"].status == "RUNNING"
    # It resumes.
    search.run()
    assert_settled(search.root)
    assert_same_outcome(search.root, undisturbed.root)


def test_trials_start_no_helpers_that_they_do_not_need(troubled: Troubled) -> None:
    _, report = troubled
    assert "ray::TrainController" in report["processes"]
    assert set(report["processes"]) & ray_driver.HELPERS == set()


def test_what_cannot_be_recorded_ends_the_phase_with_its_own_words(new_search: MakeSearch, on_ray: OnRay) -> None:
    """Tune would make an error of its own of it, with a traceback for text."""
    search = new_search(options={"trials": 1, "teacher_trials": 1, "seeds": 1})
    report = on_ray(search, "refuse", workers=0, stall_s=120, ends_with=4)
    assert report["reason"] == "MLflow has no such run"


def test_two_workers_share_a_trial(new_search: MakeSearch, on_ray: OnRay, undisturbed: SmallSearch) -> None:
    search = new_search(options={"trials": 1, "teacher_trials": 1, "seeds": 1})
    report = on_ray(search, workers=2, stall_s=120, ends_with=0)
    assert [address for address in report["listens_on"] if not is_loopback(address)] == []
    assert report["listens_on"]
    assert_settled(search.root)
    recorded, expected = children(search.root), children(undisturbed.root)
    assert {run.tags["state"] for run in recorded.values()} == {"COMPLETE"}
    for key in ("teacher/0", "student/0"):
        # Not equal: each worker draws its own dropout.
        loss = expected[key].metrics["loss/total"]
        assert recorded[key].metrics["loss/total"] == pytest.approx(loss, rel=0.05), key


def test_trials_of_a_phase_share_a_process_and_get_the_weights_that_they_would_have_alone(
    new_search: MakeSearch, on_ray: OnRay, undisturbed: SmallSearch
) -> None:
    together, alone = new_search(), new_search()
    assert [len(pids) for pids in on_ray(together, workers=0, stall_s=120, ends_with=0)["trained"]] == [1, 1, 1]
    # The process that is kept for the next trial dies meanwhile: each trial has one of its own, and none fails.
    lost = on_ray(alone, "lost", workers=0, stall_s=120, ends_with=0)
    assert len(lost["killed"]) > 5
    for search in (together, alone):
        assert_settled(search.root)
        assert_same_outcome(search.root, undisturbed.root)


def test_stopped_trials_leave_their_process_to_the_next_one(new_search: MakeSearch, on_ray: OnRay) -> None:
    search = new_search(options={"trials": 4, "teacher_trials": 1, "seeds": 1})
    report = on_ray(search, "stop", workers=0, stall_s=120, ends_with=0)
    assert [len(pids) for pids in report["trained"]] == [1, 1, 1]
    assert report["free"] == [2.0, 2.0, 2.0]
    assert_settled(search.root)
    states = [run.tags["state"] for key, run in children(search.root).items() if key.startswith("student/")]
    assert states == ["COMPLETE", *["PRUNED"] * 3]
    # A pruned trial does not continue next to the following one.
    records = [json.loads(path.read_text()) for path in (search.root / "students").glob("*/record.json")]
    assert [len(record["epochs"]) for record in records].count(1) == 3
