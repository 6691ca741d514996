"""Nodes that come late and are reclaimed with a warning: no trial fails because of them."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from disturbed_search import DisturbedSearch, Place, wait_for
from fault_table import Note
from small_search import MakeSearch, SmallSearch
from stored_runs import assert_same_outcome, assert_settled
from three_nodes import ThreeNodes, three_nodes
from tune_process import descendants_of, is_dead, parent_of

from msd_ray.search.on_ray.workers import RETRIES

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7200)]

WAIT_S = 3000  # where others keep the processors busy
STALL_MINUTES = 1.0
WARNING_S = 5.0
TIME_TO_WRITE_S = 40.0


def kill_raylet(raylet: int) -> None:
    """The machine is gone: its raylet and all that it started, as far as Ray has not ended them itself."""
    assert Path(f"/proc/{raylet}/comm").read_text().strip() == "raylet"
    for pid in (raylet, *descendants_of(raylet)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 0])
def test_nodes_come_late_and_leave_with_a_warning(
    workers: int, new_search: MakeSearch, undisturbed: SmallSearch, note: Note, tmp_path_factory: pytest.TempPathFactory
) -> None:
    times = RETRIES + 1
    place = Place(training=0, epoch=1, times=times)
    with three_nodes(tmp_path_factory.mktemp("cluster"), besides_head=0) as cluster:
        search = DisturbedSearch(
            search=new_search(options={"max_concurrent": 1, "workers": workers, "stall_minutes": STALL_MINUTES}),
            places=(place,),
            environment={**cluster.environment, "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "1"},
        )
        with search.start() as tune:
            # Longer than a trial may be silent.
            tune.wait_until(lambda: "no trial has resources: 1 are pending" in tune.output)
            cluster.add_node()
            for number in range(1, times + 1):
                worker = search.wait_at(tune, place, number)
                replace_node(cluster, worker, by_ray=workers > 0)
            assert tune.wait(WAIT_S) == 0, tune.output
        assert "attempt failed" not in tune.output, tune.output
        assert "Traceback" not in tune.output, tune.output
        told = "its node will be reclaimed" if workers else "attempt interrupted after epoch 0: its node was reclaimed"
        assert tune.output.count(told) == times, tune.output
    assert_settled(search.storage)
    assert_same_outcome(search.storage, undisturbed.root)
    how = "; Ray Train" if workers else ""
    note(f"no node for longer than `--stall-minutes`{how}", "pending; ran when a node came, same weights", None)
    note(f"node reclaimed with a warning, {times} times{how}", "not counted as failures; same weights", None)


@pytest.mark.parametrize("workers", [1, 0])
def test_a_checkpoint_is_written_on_warning(
    workers: int, new_search: MakeSearch, undisturbed: SmallSearch, note: Note, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Warned after the first epoch, the training stores the second one's first step, and goes on from there."""
    first, within = Place(training=0, epoch=1, after=True), Place(training=0, epoch=2, within="within")
    resumed = Place(training=0, epoch=2, within="resumed", times=0)
    with three_nodes(tmp_path_factory.mktemp("cluster"), besides_head=1) as cluster:
        search = DisturbedSearch(
            search=new_search(options={"max_concurrent": 1, "workers": workers}),
            places=(first, within, resumed),
            environment={**cluster.environment, "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "1"},
        )
        with search.start() as tune:
            raylet = parent_of(search.wait_at(tune, first))
            cluster.announce_end(TIME_TO_WRITE_S)
            search.go_on(first)
            worker = search.wait_at(tune, within)
            (record,) = search.storage.glob("teachers/*/record.json")
            assert json.loads(record.read_text())["steps"] == 1
            cluster.add_node()
            if workers:
                wait_for(lambda: is_dead(worker), "the worker's end by Ray Train")
            else:
                wait_for(lambda: cluster.state().cpus == 2, "the other node")
            if not is_dead(raylet):
                kill_raylet(raylet)
            assert tune.wait(WAIT_S) == 0, tune.output
        assert len(search.reached(resumed)) == 1
        assert "attempt failed" not in tune.output, tune.output
    assert_settled(search.storage)
    assert_same_outcome(search.storage, undisturbed.root)
    how = "; Ray Train" if workers else ""
    note(
        f"node reclaimed with a warning, within an epoch{how}", "went on at the step of the warning; same weights", None
    )


def replace_node(cluster: ThreeNodes, worker: int, *, by_ray: bool) -> None:
    """Announce the end of the worker's node, start another one, and end the first at its deadline.

    by_ray: whether Ray ends the worker before its node.
    """
    raylet = parent_of(worker)
    cluster.announce_end(WARNING_S)
    cluster.add_node()
    if by_ray:
        wait_for(lambda: is_dead(worker), "the worker's end by Ray Train")
    else:
        wait_for(lambda: cluster.state().cpus == 2, "the other node")
    if not is_dead(raylet):
        kill_raylet(raylet)
    wait_for(lambda: is_dead(worker), "the end of the node")
