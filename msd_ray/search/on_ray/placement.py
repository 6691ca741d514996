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
    """Remove this job's placement groups whose maker was an actor that is dead; how many those were."""
    return _remove([group for group in _of_this_job() if group.creator_actor_dead and _made_by_an_actor(group)])


def free_all() -> None:
    """Wait until nothing is reserved any more, for `SETTLE_S` seconds at most; for the end of a phase.

    By then those that Tune made for its trials are of no use either.
    """
    until = time.monotonic() + SETTLE_S
    while (groups := _of_this_job()) and time.monotonic() < until:
        _remove([group for group in groups if group.creator_actor_dead])
        time.sleep(0.2)


def _remove(groups: list[Any]) -> int:
    for group in groups:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
    return len(groups)


def _made_by_an_actor(group: Any) -> bool:
    """Whether it is not the driver's own. Tune's trials run in those, and Ray says of each that its actor is dead."""
    return bool(group.creator_actor_id) and not ray.ActorID(group.creator_actor_id).is_nil()


def _of_this_job() -> list[Any]:
    """The job's groups that exist or wait for resources, from the head's own table, which needs no dashboard."""
    job = bytes.fromhex(ray.get_runtime_context().get_job_id())
    # Ray's public tables do not say who made a group, or that its maker is dead.
    table = state._connect_and_get_accessor().get_placement_group_table()
    groups = [PlacementGroupTableData.FromString(group) for group in table]
    removed = PlacementGroupTableData.REMOVED
    return [group for group in groups if group.creator_job_id == job and group.state != removed]
