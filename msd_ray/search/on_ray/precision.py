"""Precision `auto` of trials on GPUs where the driver's machine has none: asked on the cluster's GPU nodes."""

import os
from collections.abc import Sequence

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from msd_ray.common.errors import UserError
from msd_ray.method.settings import Precision

from .cluster import cluster

ANSWER_S = 120.0
"""Seconds to wait for the nodes; starting a process that imports torch takes up to half a minute."""


def cluster_precision() -> tuple[Precision, str]:
    """Ask the cluster at RAY_ADDRESS which precision trials on its GPUs use.

    A study has one precision, because it affects weights: that of the slowest GPU, fp32 if any GPU is not faster with
    bf16.

    Returns:
        The precision, and a description of the nodes' answers, such as `bf16 on 10.0.0.2, fp32 on 10.0.0.3`.

    Raises:
        UserError: the cluster is unreachable, has no node with GPUs yet, or a node does not answer.
    """
    with cluster():
        return slowest(node_precisions())


def slowest(answers: Sequence[tuple[str, Precision]]) -> tuple[Precision, str]:
    """The precision for all nodes, and a description of the answers, which are pairs of address and precision.

    Raises:
        UserError: there are no answers.
    """
    if not answers:
        raise UserError(
            "--precision auto: the cluster has no node with GPUs yet, so it is unknown whether they are faster with "
            "bf16. Give --precision bf16 (A100, L4, H100 and later) or --precision fp32."
        )
    nodes: dict[Precision, set[str]] = {}
    for address, precision in answers:
        nodes.setdefault(precision, set()).add(address)
    described = [f"{precision} on {', '.join(sorted(nodes[precision]))}" for precision in sorted(nodes)]
    return ("fp32" if "fp32" in nodes else "bf16"), ", ".join(described)


def node_precisions() -> list[tuple[str, Precision]]:
    """Address and best precision of each node with GPUs of the joined cluster.

    Raises:
        UserError: a node does not answer.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]  # type: ignore[no-untyped-call]
    tasks = [
        _best_precision.options(
            # The task reserves no GPU: other trials may hold all of them.
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        ).remote()
        for node in nodes
    ]
    answers: list[tuple[str, Precision]] = []
    for address, task in zip([node["NodeManagerAddress"] for node in nodes], tasks, strict=True):
        try:
            answers.append((address, ray.get(task, timeout=ANSWER_S)))
        except Exception as error:  # raised on the node, by Ray because the node died, or a timeout
            raise UserError(
                f"--precision auto: the node {address} does not say which precision its GPUs are fast with "
                f"({type(error).__name__}). Give --precision bf16 or --precision fp32."
            ) from error
    return answers


@ray.remote(max_retries=0)
def _best_precision() -> Precision:
    # Ray hides GPUs from a task that reserves none.
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    import torch

    from msd_ray.method.device import best_precision

    return best_precision(torch.device("cuda"))
