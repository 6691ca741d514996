"""Examine each node of the joined cluster, and its clock, by tasks pinned to it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .node import NodeReport, NodeRequest, examine

CLOCK_READINGS = 5


@dataclass(frozen=True, kw_only=True)
class Node:
    """A live node. address: of its machine."""

    node_id: str
    address: str
    cpus: float
    gpus: float


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Offset of a node's clock from this machine's, and its uncertainty, in seconds."""

    ahead_s: float
    uncertainty_s: float


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A node with its report and clock, or with the error if it did not answer."""

    node: Node
    report: NodeReport | None = None
    clock: Clock | None = None
    error: str | None = None


def alive_nodes() -> list[Node]:
    """The live nodes of the joined cluster, sorted by address."""
    return sorted(
        (
            Node(
                node_id=node["NodeID"],
                address=node["NodeManagerAddress"],
                cpus=node["Resources"].get("CPU", 0.0),
                gpus=node["Resources"].get("GPU", 0.0),
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["Alive"]
        ),
        key=lambda node: (node.address, node.node_id),
    )


def examine_nodes(request: NodeRequest, nodes: Sequence[Node], *, timeout_s: float) -> list[Examined]:
    """Examine all nodes in parallel; a node without an answer within `timeout_s` seconds gets an error."""
    tasks = [_examine.options(**_pinned(node)).remote(request) for node in nodes]
    ready, _ = ray.wait(tasks, num_returns=len(tasks), timeout=timeout_s)
    examined = []
    for node, task in zip(nodes, tasks, strict=True):
        if task not in ready:
            ray.cancel(task, force=True)
            examined.append(Examined(node=node, error=f"no answer within {timeout_s:.0f} s"))
            continue
        try:
            examined.append(Examined(node=node, report=ray.get(task), clock=_clock(node, timeout_s)))
        except Exception as error:  # raised on the node, or by Ray because the node died
            examined.append(Examined(node=node, error=(str(error).strip() or type(error).__name__).splitlines()[-1]))
    return examined


def _pinned(node: Node) -> dict[str, object]:
    """Task options: run on this node only, without reserving resources."""
    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(node.node_id, soft=False)}


def _clock(node: Node, timeout_s: float) -> Clock:
    """The reading with the shortest round trip, within which the node read its clock."""
    readings = []
    for _ in range(CLOCK_READINGS):
        before = time.time()
        there = ray.get(_now.options(**_pinned(node)).remote(), timeout=timeout_s)
        after = time.time()
        readings.append(Clock(ahead_s=there - (before + after) / 2, uncertainty_s=(after - before) / 2))
    return min(readings, key=lambda reading: reading.uncertainty_s)


@ray.remote(max_retries=0)
def _examine(request: NodeRequest) -> NodeReport:
    return examine(request)


@ray.remote(max_retries=0)
def _now() -> float:
    return time.time()
