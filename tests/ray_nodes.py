"""A Ray cluster of several nodes on this machine, on loopback, in a process of its own.

python ray_nodes.py DIRECTORY NODES [GPUS]: prints the cluster's address, and ends it when its standard input ends.
Nodes other than the head have GPUS GPUs by Ray's count.
RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH of its environment hold for the cluster.
"""

import os
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

# Read when Ray is imported: nodes take 127.0.0.1 for their address and listen there alone.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_agent_register_timeout_ms"] = "300000"  # noqa: SIM112 - Ray's own spelling

from ray.cluster_utils import Cluster

Result = TypeVar("Result")

ATTEMPTS = 8
"""Ray gives a node 30 s to start, whatever the machine."""


def main(directory: str, nodes: int, gpus: int = 0) -> None:
    cluster = _started(directory)
    try:
        for _ in range(nodes - 1):
            _attempt(lambda: cluster.add_node(num_cpus=1, num_gpus=gpus))
        print(cluster.address, flush=True)
        sys.stdin.read()
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def _started(directory: str) -> Cluster:
    def start() -> Cluster:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        # Without the dashboard's pages: their dozen of processes start slowly. Its port is taken all the same.
        head = {"num_cpus": 1, "include_dashboard": False, "dashboard_host": "127.0.0.1", "dashboard_port": port}
        return Cluster(initialize_head=True, head_node_args={**head, "temp_dir": directory})

    return _attempt(start)


def _attempt(start: Callable[[], Result]) -> Result:
    for _ in range(ATTEMPTS - 1):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return start()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
