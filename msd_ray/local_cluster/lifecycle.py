"""Starts a cluster (PostgreSQL, MLflow, Ray; each waits for the one before) and stops it in reverse order."""

import shutil
import signal
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from msd_ray.common.errors import UserError

from . import mlflow_server, postgres, ray_head
from .jobs_environment import write_env_file
from .layout import HOST, Layout, Ports, private_directory
from .processes import Process, boot_id, terminate, terminate_or_kill, with_descendants, with_variable
from .state import MARK, ClusterState, Service, read_state

STOP_TIMEOUT_S = 60.0
"""Timeout for the graceful shutdown of each server, and for killed processes to exit."""
SERVICES = ("PostgreSQL", "MLflow", "Ray")

Report = Callable[[str], None]


def start(layout: Layout, ports: Ports, cpus: int | None, report: Report) -> ClusterState:
    """Start the cluster, unless it is running. A start that fails or is interrupted stops all processes again.

    Args:
        cpus: CPUs for trials; None means all.
        report: prints a progress message.

    Raises:
        UserError: a program is missing, a port is in use, or a server does not start.
    """
    with _exclusive_lock(layout):
        found = read_state(layout)
        if found is not None and len(found.running()) == len(SERVICES):
            report(f"A cluster is running in {layout.root} since {found.since}.")
            return found
        if found is not None:
            report("Stopping the remaining processes of a cluster that was not stopped.")
            _stop_services(layout, found, report)
        _check_free(ports)
        # Keeps the files out of repositories and of the working directory that Ray uploads with a job.
        (layout.root / ".gitignore").write_text("*\n", encoding="ascii")
        private_directory(layout.secrets)
        postgres.prepare(layout)
        state = ClusterState(
            identity=uuid.uuid4().hex,
            boot=boot_id(),
            since=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            ports=ports,
            scratch=Path(tempfile.mkdtemp(prefix="msd-ray-")),
        )
        state.write(layout)  # first: if this process is killed, the servers can be found by the mark
        try:
            return _start_services(layout, state, cpus, report)
        except BaseException:
            _stop_services(layout, read_state(layout) or state, report)
            raise


def stop(layout: Layout, report: Report) -> bool:
    """Stop the cluster. Returns whether there was one. Raises UserError if a process cannot be terminated."""
    if not layout.state_file.exists():
        return False
    with _exclusive_lock(layout):
        state = read_state(layout)
        if state is None:
            return False
        if any(service.name == "Ray" for service in state.running()):
            for job in ray_head.stop_jobs(layout, state.ports):
                report(f"stopped the job {job}; it resumes when it is submitted again")
        _stop_services(layout, state, report)
        return True


def _start_services(layout: Layout, state: ClusterState, cpus: int | None, report: Report) -> ClusterState:
    ports, mark = state.ports, {MARK: state.identity}

    def recorded(name: str, process: Process, stop_signal: int) -> Process:
        nonlocal state
        state = state.with_service(Service(name=name, process=process, stop_signal=stop_signal))
        state.write(layout)
        report(f"starting {name} ...")
        return process

    # SIGINT is PostgreSQL's fast shutdown; on SIGTERM it waits for its clients to disconnect.
    server = recorded("PostgreSQL", postgres.start(layout, ports, mark), signal.SIGINT)
    postgres.create_databases(layout, ports, server)
    tracking = recorded("MLflow", mlflow_server.start(layout, ports, mark), signal.SIGTERM)
    mlflow_server.wait(layout, ports, tracking)
    head = recorded("Ray", ray_head.start(layout, ports, mark, state.scratch, cpus), signal.SIGTERM)
    ray_head.wait(layout, ports, head)
    layout.storage.mkdir(exist_ok=True)
    write_env_file(layout, ports)
    return state


def _stop_services(layout: Layout, state: ClusterState, report: Report) -> None:
    """Terminate the recorded services, their descendants, and processes with the cluster's mark; no others."""
    left: set[Process] = set()
    for service in reversed(state.running()):
        members = with_descendants([service.process])
        terminate(lambda: {service.process}, service.stop_signal, STOP_TIMEOUT_S)  # noqa: B023 - called in this iteration
        left |= members
        report(f"{service.name} stopped" if not service.process.alive else f"{service.name} does not stop; killing it")
    left = terminate_or_kill(
        lambda: {one for one in left if one.alive} | with_variable(MARK, state.identity), STOP_TIMEOUT_S
    )
    if left:
        numbers = ", ".join(str(one.pid) for one in sorted(left, key=lambda one: one.pid))
        raise UserError(f"the cluster in {layout.root}: processes {numbers} cannot be terminated. End them yourself.")
    _keep_ray_logs(layout, state.scratch)
    layout.env_file.unlink(missing_ok=True)
    layout.state_file.unlink(missing_ok=True)


def _keep_ray_logs(layout: Layout, scratch: Path) -> None:
    """Keep the logs of the last Ray session; remove its sockets and copies of working directories."""
    target = layout.root / "logs" / "ray"
    logs = scratch / "ray" / "session_latest" / "logs"
    if logs.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(logs, target, symlinks=True, ignore_dangling_symlinks=True)
    shutil.rmtree(scratch, ignore_errors=True)


def _check_free(ports: Ports) -> None:
    for name, port in asdict(ports).items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                option = f"--{name.replace('_', '-')}-port"
                raise UserError(
                    f"{option} {port}: the port cannot be used: {error.strerror}. Choose another port, or any "
                    f"free port with {option} 0."
                ) from error


@contextmanager
def _exclusive_lock(layout: Layout) -> Iterator[None]:
    try:
        layout.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(layout.lock, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"the cluster in {layout.root} is being started or stopped by another process. Wait for it."
        ) from error
    except OSError as error:
        raise UserError(f"{layout.root} cannot be used: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
