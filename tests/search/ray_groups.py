"""What becomes of placement groups of the driver, of a living actor and of a dead one: JSON on standard output.

In a process of its own: Ray reads its settings when it is imported, and `msd_ray.search.on_ray` makes them.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from msd_ray.search.on_ray.cluster import cluster
from msd_ray.search.on_ray.placement import free_abandoned, free_all, groups_of_this_job

LIMIT_S = 300.0


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


def main() -> None:
    import ray
    from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table

    def ready_group() -> PlacementGroup:
        group: PlacementGroup = placement_group([{"CPU": 0.5}])
        ray.get(group.ready())
        return group

    class Maker:
        """What Ray Train's controller does in a trial."""

        def make(self) -> PlacementGroup:
            return ready_group()

    def states(groups: dict[str, PlacementGroup]) -> dict[str, str]:
        return {name: str(placement_group_table(group)["state"]) for name, group in groups.items()}

    seen: dict[str, Any] = {}
    with cluster(cpus=2):
        maker: Any = ray.remote(num_cpus=0)(Maker)
        makers = [maker.remote() for _ in range(2)]
        alive, dead = ray.get([one.make.remote() for one in makers])
        groups = {"driver": ready_group(), "alive": alive, "dead": dead}
        seen["freed while all live"] = free_abandoned(groups_of_this_job())
        ray.kill(makers[1])
        wait_until(lambda: free_abandoned(groups_of_this_job()) > 0)
        wait_until(lambda: states(groups)["dead"] == "REMOVED")
        seen["after a death"] = states(groups)
        ray.kill(makers[0])
        free_all()
        seen["at the end"] = states(groups)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
