"""Whether a worker's node is about to be reclaimed, as Ray was told (`ray drain-node`).

Ray Train's own `get_preemption_info` exists only where it trains, only with its watcher, and waits for all workers.
"""

import ray

from .private import gcs


def node_is_draining() -> bool:
    """Whether this process's node is being drained; asks the head."""
    return ray.get_runtime_context().get_node_id() in gcs.get_draining_nodes()
