"""A Ray cluster of several nodes on this machine: a head without CPUs, and nodes with one CPU each.

python chaos_cluster.py DIRECTORY NODES

NODES: besides the head. Writes DIRECTORY/address, and several times a second what is going on to DIRECTORY/state.json
(`State`). Starts another node for each file DIRECTORY/add-NUMBER that it finds, and removes the file then. For a file
DIRECTORY/drain-NUMBER with a number of seconds, it warns that all nodes with CPUs will be reclaimed after that time.
"""

import json
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

START_ATTEMPTS = 4
NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}


@dataclass(frozen=True, kw_only=True)
class State:
    """nodes: that live. actors, groups: that are not dead or removed. number: of this look, from 0."""

    number: int
    nodes: int
    cpus: float
    free_cpus: float
    actors: int
    groups: int

    @property
    def is_free(self) -> bool:
        """Whether nothing runs and nothing is reserved."""
        return self.free_cpus == self.cpus and not self.actors and not self.groups


def main(directory: Path, nodes: int) -> None:
    from ray.cluster_utils import Cluster

    head: dict[str, Any] = {
        **NODE,
        "num_cpus": 0,
        "include_dashboard": True,
        "dashboard_port": _free_port(),  # its default may be another Ray's
        "dashboard_agent_listen_port": 0,
    }
    cluster = Cluster()
    for node in (head, *[NODE] * nodes):
        _add_node(cluster, node)
    cluster.connect()  # type: ignore[no-untyped-call]
    _write(directory / "address", str(cluster.address))
    number = 0
    warned: set[str] = set()
    while True:
        for wanted in directory.glob("add-*"):
            _add_node(cluster, NODE)
            wanted.unlink()
        for warning in directory.glob("drain-*"):
            _drain(float(warning.read_text()), warned)
            warning.unlink()
        _write(directory / "state.json", json.dumps(asdict(_state(number))))
        number += 1
        time.sleep(0.2)


def _add_node(cluster: Any, settings: dict[str, Any]) -> None:
    """Ray gives a node 30 s to start; where others keep the processors busy, it needs another go."""
    for attempt in range(START_ATTEMPTS):
        try:
            cluster.add_node(wait=False, **settings)
            return
        except Exception:
            if attempt + 1 == START_ATTEMPTS:
                raise


def _drain(seconds: float, warned: set[str]) -> None:
    """What a cloud's spot handler does with `ray drain-node` when it is told that its machine will be reclaimed.

    warned: nodes that were told before; they may be gone, and Ray not have noticed.
    """
    import ray
    from ray.core.generated.autoscaler_pb2 import DRAIN_NODE_REASON_PREEMPTION  # type: ignore[attr-defined]

    client = ray._private.worker.global_worker.gcs_client  # type: ignore[attr-defined]
    deadline_ms = int(1000 * (time.time() + seconds))
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["Alive"] and node["Resources"].get("CPU") and node["NodeID"] not in warned:
            warned.add(node["NodeID"])
            accepted, why = client.drain_node(node["NodeID"], DRAIN_NODE_REASON_PREEMPTION, "spot", deadline_ms)
            assert accepted, why


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _state(number: int) -> State:
    import ray
    from ray._private.state import actors
    from ray.util.placement_group import placement_group_table

    return State(
        number=number,
        nodes=sum(node["Alive"] for node in ray.nodes()),  # type: ignore[no-untyped-call]
        cpus=ray.cluster_resources().get("CPU", 0.0),  # type: ignore[no-untyped-call]
        free_cpus=ray.available_resources().get("CPU", 0.0),  # type: ignore[no-untyped-call]
        actors=sum(actor["State"] != "DEAD" for actor in actors().values()),
        groups=sum(group["state"] != "REMOVED" for group in placement_group_table().values()),
    )


def _write(path: Path, text: str) -> None:
    scratch = path.with_suffix(".scratch")
    scratch.write_text(text)
    scratch.rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
