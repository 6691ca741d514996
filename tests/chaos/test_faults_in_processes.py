"""Processes and a node that die or hang under a search with Ray Train, and under one without. All of it is made good.

The seed decides which training is struck, at which epoch, and whether before or after its checkpoint.
"""

import random

import pytest
from disturbed_search import Disturb, Fault
from fault_table import Note
from faults import kill, kill_node, kill_trial, limit_memory, stop
from places import four_places
from small_search import SmallSearch
from stored_runs import assert_same_outcome, assert_settled
from three_nodes import ThreeNodes

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7200)]

SILENCE_MINUTES = 1.0
WAIT_S = 3000  # where others keep the processors busy
BOUND = f"bound {60 * SILENCE_MINUTES:g} s"
RECOVERED = "recovered, same weights"


def test_with_ray_train(
    disturb: Disturb, cluster: ThreeNodes, undisturbed: SmallSearch, dice: random.Random, note: Note
) -> None:
    in_worker, in_trial, in_hang, in_node = four_places(dice, undisturbed)

    def replace_node(worker: int) -> None:
        kill_node(worker)
        cluster.add_node()

    faults = [
        Fault(name="training worker killed", place=in_worker, strike=kill),
        Fault(name="trial's own process killed", place=in_trial, strike=lambda _: kill_trial(cluster.pid)),
        Fault(name=f"training worker hangs ({BOUND})", place=in_hang, strike=stop),
        Fault(name="node killed (one of three), another added", place=in_node, strike=replace_node),
    ]
    search = disturb(*(fault.place for fault in faults), workers=1, stall_minutes=SILENCE_MINUTES)
    with search.start() as tune:
        seconds = search.strike(tune, faults)
        assert tune.wait(WAIT_S) == 0, tune.output
    assert tune.output.count("attempt failed after epoch") == len(faults), tune.output
    assert tune.output.count(": silent for ") == 1, tune.output
    assert "Traceback" not in tune.output, tune.output
    assert_settled(search.storage)
    assert_same_outcome(search.storage, undisturbed.root)
    cluster.assert_free()
    for fault, took in seconds.items():
        note(f"{fault}; Ray Train", RECOVERED, took)


def test_without_ray_train(
    disturb: Disturb, cluster: ThreeNodes, undisturbed: SmallSearch, dice: random.Random, note: Note
) -> None:
    in_trial, in_memory, in_hang, in_driver = four_places(dice, undisturbed)

    def use_all_memory(trial: int) -> None:
        limit_memory(trial)
        search.go_on(in_memory, "use all memory")

    faults = [
        Fault(name="trial killed", place=in_trial, strike=kill),
        Fault(name="trial out of memory, once", place=in_memory, strike=use_all_memory),
        Fault(name=f"trial hangs ({BOUND})", place=in_hang, strike=stop),
    ]
    search = disturb(*(fault.place for fault in faults), in_driver, workers=0, stall_minutes=SILENCE_MINUTES)
    with search.start() as tune:
        seconds = search.strike(tune, faults)
        search.wait_at(tune, in_driver)
        assert tune.output.count("attempt failed after epoch") == len(faults), tune.output
        assert "MemoryError" in tune.output, tune.output
        assert "Traceback" not in tune.output, tune.output
        tune.process.kill()
        tune.process.wait()
    with search.start() as tune:
        again = "driver killed, command started again"
        seconds[again] = search.seconds_until_back(tune, in_driver, lambda: None)
        assert tune.wait(WAIT_S) == 0, tune.output
    assert_settled(search.storage)
    assert_same_outcome(search.storage, undisturbed.root)
    cluster.assert_free()
    for fault, took in seconds.items():
        note(fault, RECOVERED, took)
