"""Join or start the Ray cluster of a search; how many trials fit."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import ray

from msd_ray.common.errors import UserError
from msd_ray.common.interrupts import interruptible

from .workers import Resources

CONNECT_TIMEOUT_S = 5.0


@contextmanager
def cluster(cpus: int | None = None) -> Iterator[str | None]:
    """Join the cluster at RAY_ADDRESS, or start one on loopback and stop it afterwards.

    Args:
        cpus: CPUs of a started cluster; None: all of the machine.

    Yields:
        HOST:PORT of the dashboard, None without one.

    Raises:
        UserError: the cluster cannot be reached or started.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _check_answers(address)
    try:
        if address:
            context = ray.init(address=address, log_to_driver=False)
        else:
            # Ray Train frees a stopped trial's resources through the dashboard's API.
            context = ray.init(
                address="local",  # not one that another user started on this machine
                num_cpus=cpus,
                include_dashboard=True,
                dashboard_host="127.0.0.1",
                log_to_driver=False,
                configure_logging=False,
            )
    except Exception as error:  # Ray raises a bare Exception if its node does not start within 30 s
        where = f"the cluster at RAY_ADDRESS={address}" if address else "a local Ray cluster"
        raise UserError(f"{where} cannot be used: {error}; start the same command again when it can") from error
    try:
        yield context.dashboard_url or None
    finally:
        ray.shutdown()


class DeferredCluster:
    """A Ray cluster that is joined or started when it is first needed, and left with the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.started = False

    def start(self) -> None:
        """Join or start it, once. Raises UserError as `cluster` does."""
        if not self.started:
            self._stack.enter_context(cluster())
            self._stack.enter_context(interruptible())  # again, because Ray replaces the signal handlers
            self.started = True


def _check_answers(address: str) -> None:
    """Fail within seconds if nothing listens at the address; Ray itself would try for minutes.

    Raises:
        UserError: nothing listens.
    """
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
    """`fitting_in` on the cluster that this process has joined."""
    return fitting_in(ray.cluster_resources(), resources, concurrent)  # type: ignore[no-untyped-call]


def fitting_in(have: Mapping[str, float], resources: Resources, concurrent: int | None) -> Resources:
    """The resources with `concurrent` trials at once; by default as many as there is room for.

    Args:
        have: CPU and GPU of the cluster.
        resources: of a trial.
        concurrent: `--max-concurrent`.

    Raises:
        UserError: not even one trial fits, and `concurrent` is not given.
    """
    group = max(resources.workers, 1)
    cpus = int(have.get("CPU", 0) // (resources.cpus * group))
    room = min(cpus, int(have.get("GPU", 0) / (resources.gpus * group))) if resources.gpus else cpus
    if concurrent is None and room < 1:
        raise UserError(
            f"a trial asks for {group} x {resources.cpus} CPUs and {group} x {resources.gpus:g} GPUs, the cluster has "
            f"{have.get('CPU', 0):g} CPUs and {have.get('GPU', 0):g} GPUs: lower --workers, --cpus-per-trial or "
            "--gpus-per-trial, or give --max-concurrent if the cluster grows on demand"
        )
    return replace(resources, concurrent=concurrent or room)
