"""Placement groups: which trials wait for theirs, and those of dead trials, which would block resources for ever.

Stopping a trial kills it, and with it the Ray Train controller that reserved its workers' resources. Ray keeps such a
reservation until the job ends. Ray Train's own remedy is a process per trial that watches the controller; here the
driver does that for all trials, see `workers`.
"""

import time
from collections.abc import Sequence
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup, remove_placement_group

from .private import PlacementGroupTableData, gcs

CHECK_EVERY_S = 1.0
SETTLE_S = 30.0


def free_abandoned(groups: Sequence[Any]) -> int:
    """Remove placement groups whose creator was an actor that is dead; returns their number."""
    return _remove([group for group in groups if group.creator_actor_dead and _made_by_an_actor(group)])


def pending_creators(groups: Sequence[Any]) -> set[str]:
    """Ids of the actors whose placement groups wait for resources; empty for the driver's own groups."""
    pending = [group for group in groups if group.state == PlacementGroupTableData.PENDING]
    return {ray.ActorID(group.creator_actor_id).hex() if _made_by_an_actor(group) else "" for group in pending}


def free_all() -> None:
    """Wait until nothing is reserved any more, at most `SETTLE_S` seconds; called at the end of a phase.

    Also removes the groups that Tune created for its trials, which are no longer needed then.
    """
    until = time.monotonic() + SETTLE_S
    while (groups := groups_of_this_job()) and time.monotonic() < until:
        _remove([group for group in groups if group.creator_actor_dead])
        time.sleep(0.2)


def _remove(groups: list[Any]) -> int:
    for group in groups:
        remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
    return len(groups)


def _made_by_an_actor(group: Any) -> bool:
    """Whether an actor created the group, and not the driver.

    Tune runs trials in the driver's groups, whose creator is a dead actor by Ray's tables.
    """
    return bool(group.creator_actor_id) and not ray.ActorID(group.creator_actor_id).is_nil()


def groups_of_this_job() -> list[Any]:
    """The job's existing and pending groups, from the head's own table, which needs no dashboard."""
    job = bytes.fromhex(ray.get_runtime_context().get_job_id())
    table = gcs._connect_and_get_accessor().get_placement_group_table()
    groups = [PlacementGroupTableData.FromString(group) for group in table]
    removed = PlacementGroupTableData.REMOVED
    return [group for group in groups if group.creator_job_id == job and group.state != removed]
