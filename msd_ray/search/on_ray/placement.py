"""Placement groups that nobody would free: what a dead trial had reserved for its workers.

A trial that is stopped is killed, and with it the Ray Train controller that reserved its workers' resources. Ray keeps
such a reservation until the whole job ends. A helper of Ray Train's frees it earlier, unless it dies too, cannot reach
the State API (several Rays on one host), or had not been told yet, as of a group that still waits for resources. Each
group that it misses would take resources from the search to its end, so this looks at all of the job's, and frees them.
"""

import time
from typing import Any

import ray
from ray._private.state import state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData  # type: ignore[attr-defined]
from ray.util.placement_group import PlacementGroup, remove_placement_group

LOOK_EVERY_S = 5.0
SETTLE_S = 30.0


def free_abandoned() -> int:
    """Remove this job's placement groups whose maker, an actor, is dead; how many those were."""
    # Of what the driver itself makes, as Tune does for its trials, Ray says that no actor made it, and that it is dead.
    by_actors = [group for group in _of_this_job() if not ray.ActorID(group.creator_actor_id).is_nil()]
    abandoned = [group for group in by_actors if group.creator_actor_dead]
    for group in abandoned:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
    return len(abandoned)


def free_all() -> None:
    """Wait until nothing is reserved any more, for `SETTLE_S` seconds at most; for the end of a phase."""
    until = time.monotonic() + SETTLE_S
    while _of_this_job() and time.monotonic() < until:
        free_abandoned()
        time.sleep(0.2)


def _of_this_job() -> list[Any]:
    """The job's groups that exist or wait for resources, from the head's own table, which needs no dashboard."""
    job = bytes.fromhex(ray.get_runtime_context().get_job_id())
    # Ray's public tables do not say who made a group, or that its maker is dead.
    table = state._connect_and_get_accessor().get_placement_group_table()
    groups = [PlacementGroupTableData.FromString(group) for group in table]
    removed = PlacementGroupTableData.REMOVED
    return [group for group in groups if group.creator_job_id == job and group.state != removed]
