"""Bounds on silence, with a clock that the tests set."""

from types import SimpleNamespace
from typing import Any

import pytest

from msd_ray.search.on_ray.watchdog import Watchdog
from msd_ray.search.on_ray.workers import RETRIES
from msd_ray.search.plans import Failure

SILENCE_S = 100.0
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
    return Watchdog(silence_s=SILENCE_S, clock=clock)


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
        assert watchdog.stalled_s() is None
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


def test_trial_that_waits_for_resources_is_not_killed_but_the_phase_ends(watchdog: Watchdog, clock: Clock) -> None:
    watchdog.launched("waiting", LAUNCH)
    clock.now += SILENCE_S
    assert watchdog.stalled_s() is None
    clock.now += 1
    assert silent(watchdog) == []
    assert watchdog.stalled_s() == SILENCE_S + 1


def test_waiting_counts_from_when_nothing_runs_any_more(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "a")
    clock.now += SILENCE_S + 50
    assert watchdog.stalled_s() is None
    assert silent(watchdog) == ["a"]
    watchdog.died("a", Failure(reason="", details=""))
    clock.now += SILENCE_S
    assert watchdog.stalled_s() is None
    clock.now += 1
    assert watchdog.stalled_s() == 2 * SILENCE_S + 51


def test_phase_ends_where_whatever_is_started_hangs(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "a")
    for _ in range(RETRIES + 1):
        clock.now += SILENCE_S + 1
        assert watchdog.stalled_s() is None
        assert silent(watchdog) == ["a"]
        watchdog.died("a", Failure(reason="", details=""))
        watchdog.started(trial("a"))
    clock.now += SILENCE_S + 1
    assert watchdog.stalled_s() == (RETRIES + 2) * (SILENCE_S + 1)


def test_phase_without_trials_does_not_stall(watchdog: Watchdog, clock: Clock) -> None:
    start(watchdog, "a")
    watchdog.ended("a")
    clock.now += 1000 * SILENCE_S
    assert watchdog.stalled_s() is None
