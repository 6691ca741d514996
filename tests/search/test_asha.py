"""Early stopping against Ray Tune's own scheduler, and at its edges."""

import math
import random

import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers.async_hyperband import _Bracket
from ray.tune.schedulers.trial_scheduler import TrialScheduler

from msd_ray.search.early_stopping import Pruning, rungs, should_stop


def interleaved(trials: int, epochs: int, rng: random.Random) -> list[int]:
    """Return trial numbers, each `epochs` times, in the order in which parallel trials would report."""
    order = [trial for trial in range(trials) for _ in range(epochs)]
    rng.shuffle(order)
    return order


@pytest.mark.parametrize("seed", range(40))
def test_decides_as_tune_does_on_random_sequences(seed: int) -> None:
    rng = random.Random(seed)
    epochs, grace, reduction = rng.randint(2, 30), rng.randint(1, 3), rng.randint(2, 4)
    bracket = _Bracket(grace, epochs, reduction, 0)
    milestones = rungs(epochs, grace, reduction)
    values: dict[int, list[float]] = {trial: [] for trial in range(25)}
    tune_trials = [Trial("trained elsewhere", stub=True) for _ in values]
    stopped: set[int] = set()
    for trial in interleaved(25, epochs, rng):
        if trial in stopped:
            continue
        # Few distinct values, so that ties happen.
        values[trial].append(rng.randint(0, 20) / 20)
        epoch = len(values[trial])
        if epoch == epochs:  # Tune's scheduler ends the trial here before it asks the bracket
            continue
        peers = [seen[epoch - 1] for other, seen in values.items() if other != trial and len(seen) >= epoch]
        ours = should_stop(epoch, values[trial][-1], peers, rungs=milestones, reduction=reduction)
        theirs = bracket.on_result(tune_trials[trial], epoch, values[trial][-1])
        assert ours == (theirs == TrialScheduler.STOP), (epoch, values[trial], peers)
        if ours:
            stopped.add(trial)
    assert 0 < len(stopped) < 25 or not milestones


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((10, 1, 3), (1, 3, 9)),
        ((9, 1, 3), (1, 3)),
        ((10, 1, 2), (1, 2, 4, 8)),
        ((1001, 1, 10), (1, 10, 100, 1000)),
        ((4, 2, 2), (2,)),
        ((1, 1, 2), ()),
        ((3, 5, 2), ()),
    ],
)
def test_rungs(arguments: tuple[int, int, int], expected: tuple[int, ...]) -> None:
    assert rungs(*arguments) == expected
    epochs, grace, reduction = arguments
    assert Pruning(epochs=epochs, grace=grace, reduction=reduction).rungs == expected


@pytest.mark.parametrize("arguments", [(0, 1, 2), (5, 0, 2), (5, 1, 1)])
def test_impossible_rungs_are_refused(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="need epochs >= 1"):
        rungs(*arguments)


def test_first_at_a_rung_goes_on_and_equals_go_on() -> None:
    assert not should_stop(1, 0.0, [], rungs=(1, 3), reduction=3)
    assert not should_stop(1, 0.5, [0.5, 0.5], rungs=(1, 3), reduction=3)
    assert should_stop(1, 0.4, [0.5], rungs=(1, 3), reduction=3)


def test_between_rungs_nothing_stops() -> None:
    assert not should_stop(2, 0.0, [1.0, 1.0], rungs=(1, 3), reduction=3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_must_be_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        should_stop(1, bad, [0.5], rungs=(1,), reduction=2)
    with pytest.raises(ValueError, match="must be finite"):
        should_stop(1, 0.5, [bad], rungs=(1,), reduction=2)
