"""A cluster from its start to its end: PostgreSQL, MLflow, Ray, each once the one before answers; ended in reverse."""

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
from .layout import HOST, Layout, Ports
from .processes import Process, boot_id, end, end_or_kill, with_descendants, with_variable
from .record import MARK, Record, Service, read_record
from .secret_files import private_directory

STOP_LIMIT_S = 60.0
"""For each server to end in good order, and for what is killed to be gone."""
SERVICES = ("PostgreSQL", "MLflow", "Ray")

Say = Callable[[str], None]


def start(layout: Layout, ports: Ports, cpus: int | None, say: Say) -> Record:
    """Start the cluster, or find it running. A start that fails or is interrupted leaves nothing running.

    Raises UserError if something is missing, a port is taken, or a server does not start.
    """
    with _held(layout):
        found = read_record(layout)
        if found is not None and len(found.running()) == len(SERVICES):
            say(f"A cluster runs in {layout.root} since {found.since}.")
            return found
        if found is not None:
            say("What is left of a cluster that did not end in good order is ended first.")
            _end(layout, found, say)
        _check_free(ports)
        # Nothing of it belongs into a repository, or into the working directory that a job takes with it.
        (layout.root / ".gitignore").write_text("*\n", encoding="ascii")
        private_directory(layout.secrets)
        postgres.prepare(layout)
        record = Record(
            identity=uuid.uuid4().hex,
            boot=boot_id(),
            since=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            ports=ports,
            scratch=Path(tempfile.mkdtemp(prefix="msd-ray-")),
        )
        record.write(layout)  # before the first process, which can be found by its mark if this one dies
        try:
            return _start_services(layout, record, cpus, say)
        except BaseException:
            _end(layout, read_record(layout) or record, say)
            raise


def stop(layout: Layout, say: Say) -> bool:
    """End the cluster; whether there was one. Raises UserError if a process cannot be ended."""
    if not layout.record.exists():
        return False
    with _held(layout):
        record = read_record(layout)
        if record is None:
            return False
        if any(service.name == "Ray" for service in record.running()):
            for job in ray_head.stop_jobs(layout, record.ports):
                say(f"stopped the job {job}: submitted again, it goes on")
        _end(layout, record, say)
        return True


def _start_services(layout: Layout, record: Record, cpus: int | None, say: Say) -> Record:
    ports, mark = record.ports, {MARK: record.identity}

    def recorded(name: str, process: Process, stop_signal: int) -> Process:
        nonlocal record
        record = record.with_service(Service(name=name, process=process, stop_signal=stop_signal))
        record.write(layout)
        say(f"{name} starts ...")
        return process

    # SIGINT: a fast shutdown. At SIGTERM it would wait for its clients to leave.
    server = recorded("PostgreSQL", postgres.start(layout, ports, mark), signal.SIGINT)
    postgres.make_databases(layout, ports, server)
    tracking = recorded("MLflow", mlflow_server.start(layout, ports, mark), signal.SIGTERM)
    mlflow_server.wait(layout, ports, tracking)
    head = recorded("Ray", ray_head.start(layout, ports, mark, record.scratch, cpus), signal.SIGTERM)
    ray_head.wait(layout, ports, head)
    layout.storage.mkdir(exist_ok=True)
    write_env_file(layout, ports)
    return record


def _end(layout: Layout, record: Record, say: Say) -> None:
    """End what the record names, what that started, and what carries the cluster's mark: nothing else."""
    left: set[Process] = set()
    for service in reversed(record.running()):
        members = with_descendants([service.process])
        end(lambda: {service.process}, service.stop_signal, STOP_LIMIT_S)  # noqa: B023 - called here alone
        left |= members
        say(f"{service.name} ended" if not service.process.alive else f"{service.name} does not end: it is killed")
    left = end_or_kill(lambda: {one for one in left if one.alive} | with_variable(MARK, record.identity), STOP_LIMIT_S)
    if left:
        numbers = ", ".join(str(one.pid) for one in sorted(left, key=lambda one: one.pid))
        raise UserError(f"these processes of the cluster in {layout.root} cannot be ended: {numbers}")
    _keep_ray_logs(layout, record.scratch)
    layout.env_file.unlink(missing_ok=True)
    layout.record.unlink(missing_ok=True)


def _keep_ray_logs(layout: Layout, scratch: Path) -> None:
    """The last session's logs stay, for whoever asks why; sockets and copies of working directories go."""
    kept = layout.root / "logs" / "ray"
    logs = scratch / "ray" / "session_latest" / "logs"
    if logs.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(logs, kept, symlinks=True, ignore_dangling_symlinks=True)
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
                    f"port {port} cannot be used ({error.strerror}): another program listens there; name another one "
                    f"with {option}, or let a free one be chosen with {option} 0"
                ) from error


@contextmanager
def _held(layout: Layout) -> Iterator[None]:
    try:
        layout.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(layout.lock, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise UserError(f"the cluster in {layout.root} is being started or ended by another process: wait") from error
    except OSError as error:
        raise UserError(f"{layout.root} cannot be used: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
