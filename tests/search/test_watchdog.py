"""Bounds on silence, with a clock that the tests set."""

from types import SimpleNamespace
from typing import Any

import pytest

from msd_ray.search.on_ray.watchdog import Watchdog
from msd_ray.search.on_ray.workers import RETRIES
from msd_ray.search.plans import Failure

SILENCE_S, WAIT_S = 100.0, 1000.0
LAUNCH: Any = "a launch"


class Clock:
    now = 5.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    return Watchdog(silence_s=SILENCE_S, wait_s=WAIT_S, clock=clock)


def trial(name: str) -> Any:
    return SimpleNamespace(trial_id=name)


def silent(watchdog: Watchdog) -> list[str]:
    """The trials that are to be killed; they are then, as far as the watchdog knows."""
    found = []
    for watched, seconds in watchdog.silent():
        watched.killed = f"silent for {seconds:.0f} s"
        assert watched.trial is not None
        found.append(watched.trial.trial_id)
    return found


def start(watchdog: Watchdog, *names: str) -> None:
    for name in names:
        watchdog.launched(name, LAUNCH)
        watchdog.started(trial(name))


def test_one_silent_trial_among_living_ones_is_named_once(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "silent", "living")
    for _ in range(11):
        clock.now += 10
        watchdog.progressed("living")
        assert watchdog.stalled() is None
        if clock.now <= 5 + SILENCE_S:
            assert silent(watchdog) == []
    assert silent(watchdog) == ["silent"]
    assert silent(watchdog) == []


def test_killed_trial_says_that_it_was_and_is_watched_again(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "a")
    clock.now += SILENCE_S + 10
    assert silent(watchdog) == ["a"]
    actor_died = Failure(reason="the actor died", details="")
    assert watchdog.died("a", actor_died).reason == "silent for 110 s"
    watchdog.started(trial("a"))
    assert silent(watchdog) == []
    assert watchdog.died("a", actor_died) == actor_died


def test_trial_that_does_not_start_although_resources_are_free_ends_the_phase(watchdog: Watchdog, clock: Clock) -> None:
    watchdog.launched("waiting", LAUNCH)
    clock.now += SILENCE_S
    assert watchdog.stalled() is None
    clock.now += 1
    assert silent(watchdog) == []
    assert watchdog.stalled() == f"no trial made progress for {SILENCE_S + 1:.0f} s"


def test_waiting_for_resources_is_no_silence(watchdog: Watchdog, clock: Clock) -> None:
    watchdog.launched("waiting", LAUNCH)
    start(watchdog, "has a process")
    watchdog.has_controller("has a process", "controller")
    watchdog.awaited({"", "controller"})
    assert len(watchdog.pending) == 2
    for _ in range(10):
        clock.now += WAIT_S / 10
        watchdog.awaited({"", "controller"})
        assert watchdog.stalled() is None
        assert silent(watchdog) == []
    clock.now += 1
    assert watchdog.stalled() == f"no trial got resources for {WAIT_S + 1:.0f} s"


def test_silence_counts_from_when_the_resources_came(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "a")
    watchdog.has_controller("a", "controller")
    watchdog.awaited({"controller"})
    clock.now += 5 * SILENCE_S
    assert watchdog.stalled() is None
    watchdog.awaited(set())
    assert watchdog.pending == []
    clock.now += SILENCE_S
    assert silent(watchdog) == []
    assert watchdog.stalled() is None
    assert watchdog.waited_s == 0
    clock.now += 1
    assert silent(watchdog) == ["a"]


def test_trial_that_waits_while_another_one_runs_ends_nothing(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "runs", "waits")
    watchdog.has_controller("waits", "controller")
    for _ in range(30):
        clock.now += WAIT_S / 10
        watchdog.progressed("runs")
        watchdog.awaited({"controller"})
        assert watchdog.stalled() is None
        assert silent(watchdog) == []


def test_starting_counts_from_when_nothing_runs_any_more(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "a")
    clock.now += SILENCE_S + 50
    assert watchdog.stalled() is None
    assert silent(watchdog) == ["a"]
    watchdog.died("a", Failure(reason="", details=""))
    clock.now += SILENCE_S
    assert watchdog.stalled() is None
    clock.now += 1
    assert watchdog.stalled() == f"no trial made progress for {2 * SILENCE_S + 51:.0f} s"


def test_phase_ends_where_whatever_is_started_hangs(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "a")
    for _ in range(RETRIES + 1):
        clock.now += SILENCE_S + 1
        assert watchdog.stalled() is None
        assert silent(watchdog) == ["a"]
        watchdog.died("a", Failure(reason="", details=""))
        watchdog.started(trial("a"))
    clock.now += SILENCE_S + 1
    assert watchdog.stalled() == f"no trial made progress for {(RETRIES + 2) * (SILENCE_S + 1):.0f} s"


def test_phase_without_trials_does_not_stall(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "a")
    watchdog.ended("a")
    clock.now += 1000 * SILENCE_S
    assert watchdog.stalled() is None
