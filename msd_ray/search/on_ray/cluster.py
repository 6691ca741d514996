"""The Ray cluster that a search runs on."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import ray

from msd_ray.common.errors import UserError

from .workers import Resources

CONNECT_TIMEOUT_S = 5.0


@contextmanager
def cluster(cpus: int | None = None) -> Iterator[str | None]:
    """Join the cluster that RAY_ADDRESS names, else start one in this process, on loopback, and end it after.

    Gives the address of its dashboard, HOST:PORT, if it has one.

    Raises UserError when the named cluster cannot be reached.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _check_answers(address)
    try:
        if address:
            context = ray.init(address=address, log_to_driver=False)
        else:
            # The dashboard: Ray Train frees a stopped trial's resources through its API.
            context = ray.init(
                address="local",  # not one that somebody else started on this machine
                num_cpus=cpus,
                include_dashboard=True,
                dashboard_host="127.0.0.1",
                log_to_driver=False,
                configure_logging=False,
            )
    except Exception as error:  # Ray says with a bare one that its node has not started within 30 s
        where = f"the cluster at RAY_ADDRESS={address}" if address else "a local Ray cluster"
        raise UserError(f"{where} cannot be used: {error}; start the same command again when it can") from error
    try:
        yield context.dashboard_url or None
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise UserError within seconds where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
        except OSError as error:
            raise UserError(
                f"no cluster answers at RAY_ADDRESS={address} ({error}): start one with `ray start --head`, or unset "
                "RAY_ADDRESS to run on this machine"
            ) from error


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
