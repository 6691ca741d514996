"""Placement groups that nobody would free: those of dead actors, and no others."""

import time
from typing import Any

import pytest
import ray
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table

from msd_ray.search.on_ray import cluster
from msd_ray.search.on_ray.placement import free_abandoned, free_all

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

LIMIT_S = 300.0


def ready_group() -> PlacementGroup:
    group: PlacementGroup = placement_group([{"CPU": 1}])
    ray.get(group.ready())
    return group


class Maker:
    """What Ray Train's controller does in a trial."""

    def make(self) -> PlacementGroup:
        return ready_group()


def state(group: PlacementGroup) -> str:
    return str(placement_group_table(group)["state"])


def test_the_group_of_a_dead_actor_is_freed_and_the_drivers_own_stays() -> None:
    """Tune's trials run in the driver's groups: one that loses its group dies."""
    with cluster(cpus=3):
        own = ready_group()
        maker: Any = ray.remote(num_cpus=0)(Maker)
        makers = [maker.remote() for _ in range(2)]
        alive, dead = ray.get([one.make.remote() for one in makers])
        assert free_abandoned() == 0
        ray.kill(makers[1])
        until = time.monotonic() + LIMIT_S
        while free_abandoned() == 0:
            assert time.monotonic() < until
            time.sleep(0.1)
        while state(dead) != "REMOVED":
            assert time.monotonic() < until
            time.sleep(0.1)
        assert [state(group) for group in (own, alive)] == ["CREATED", "CREATED"]
        ray.kill(makers[0])
        free_all()
        assert [state(group) for group in (own, alive)] == ["REMOVED", "REMOVED"]
