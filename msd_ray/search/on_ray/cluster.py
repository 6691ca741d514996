"""The Ray cluster that a search runs on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import ray
from ray.exceptions import RayError

from ...errors import UserError
from .workers import Resources


@contextmanager
def cluster(cpus: int | None = None) -> Iterator[None]:
    """Join the cluster that RAY_ADDRESS names, else start one in this process, on loopback, and end it after.

    Raises UserError when the named cluster cannot be reached.
    """
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address:
            ray.init(address=address, log_to_driver=False)
        else:
            # The dashboard: Ray Train frees a stopped trial's resources through its API.
            ray.init(
                num_cpus=cpus,
                include_dashboard=True,
                dashboard_host="127.0.0.1",
                log_to_driver=False,
                configure_logging=False,
            )
    except (RayError, ConnectionError, ValueError, RuntimeError) as error:
        where = f"the cluster at RAY_ADDRESS={address}" if address else "a local Ray cluster"
        raise UserError(f"{where} cannot be used: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def fitting(resources: Resources, concurrent: int | None) -> Resources:
    """The resources with `concurrent` trials at once, or as many as the joined cluster has room for.

    Raises UserError when not even one trial fits and nothing says that the cluster will grow.
    """
    have = ray.cluster_resources()  # type: ignore[no-untyped-call]
    group = max(resources.workers, 1)
    cpus = int(have.get("CPU", 0) // (resources.cpus * group))
    room = min(cpus, int(have.get("GPU", 0) / (resources.gpus * group))) if resources.gpus else cpus
    if concurrent is None and room < 1:
        raise UserError(
            f"a trial asks for {group} x {resources.cpus} CPUs and {group} x {resources.gpus:g} GPUs, the cluster has "
            f"{have.get('CPU', 0):g} CPUs and {have.get('GPU', 0):g} GPUs: lower --workers, --cpus-per-trial or "
            "--gpus-per-trial, or say --max-concurrent if the cluster grows on demand"
        )
    return replace(resources, concurrent=concurrent or room)
