"""Join or start the Ray cluster of a search; how many trials fit."""

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import ray

from msd_ray.common.errors import UserError
from msd_ray.common.interrupts import interruptible

from .resources import Resources, Room, trials_that_fit

CONNECT_TIMEOUT_S = 5.0
LONGEST_PATH = 103 if sys.platform == "darwin" else 107
"""Bytes of a socket's path (sun_path of unix(7), with a final zero)."""
_SOCKET = "ray/session_2026-01-31_23-59-59_123456_1234567/sockets/plasma_store"
"""The longest one, with a process id of seven digits."""


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
    else:
        check_socket_paths()
    try:
        if address:
            context = ray.init(address=address, log_to_driver=False)
        else:
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


def concurrent_trials(resources: Resources) -> int:
    """`concurrent_trials_on` the nodes of the cluster that this process has joined."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return concurrent_trials_on([Room(cpus=node.get("CPU", 0), gpus=node.get("GPU", 0)) for node in nodes], resources)


def concurrent_trials_on(machines: Sequence[Room], resources: Resources) -> int:
    """Number of trials at once: what `resources` says, else as many as there is room for.

    Raises:
        UserError: not even one trial fits, and `resources.concurrent` is None.
    """
    if resources.concurrent is not None:
        return resources.concurrent
    room = trials_that_fit(machines, resources)
    if room < 1:
        have = "; ".join(f"{machine.cpus:g} CPUs and {machine.gpus:g} GPUs" for machine in machines)
        raise UserError(
            f"a trial asks for {resources.processes} x {resources.cpus} CPUs and {resources.processes} x "
            f"{resources.gpus:g} GPUs, the cluster's nodes have {have}: lower --workers, --cpus-per-trial or "
            "--gpus-per-trial, or give --max-concurrent if the cluster grows on demand"
        )
    return room


def check_socket_paths() -> None:
    """Raise UserError if the paths of a local Ray's sockets would be too long; Ray itself fails after it has begun."""
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    directory = os.environ.get(variable, "/tmp")  # noqa: S108 - as Ray does
    length = len(os.fsencode(os.path.join(directory, _SOCKET)))  # noqa: PTH118 - as Ray does
    if length > LONGEST_PATH:
        raise UserError(
            f"{variable}={directory}: Ray's sockets would have paths of {length} bytes, and {LONGEST_PATH} are "
            "possible; run `export RAY_TMPDIR=/tmp`, or another directory with a short path, then the same command"
        )
