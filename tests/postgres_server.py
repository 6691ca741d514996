"""A throw-away PostgreSQL, started as `make cluster` starts its own.

Tests that need one are skipped where the package is not installed, unless `MSD_RAY_REQUIRE_POSTGRES` is set: then they
fail.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from msd_ray.local_cluster import postgres
from msd_ray.local_cluster.layout import HOST, USER, Layout, Ports, ensure_secret, private_directory, with_free_ports
from msd_ray.local_cluster.processes import Process, terminate, terminate_or_kill


@dataclass(kw_only=True)
class PostgresServer:
    """A server on one port, which can be stopped as if it had crashed, and started again."""

    layout: Layout
    ports: Ports
    process: Process

    def crash(self) -> None:
        """Its connections break, nothing is finished, and the next start recovers what was committed."""
        assert not terminate(lambda: {self.process}, signal.SIGQUIT, 60)

    def start_again(self) -> None:
        """It answers when this returns."""
        self.process = postgres.start(self.layout, self.ports, {})
        postgres.create_databases(self.layout, self.ports, self.process)

    def url(self, database: str) -> str:
        password = ensure_secret(self.layout.secrets / "postgres-password")
        return f"postgresql://{USER}:{password}@{HOST}:{self.ports.postgres}/{database}"


def require_postgres() -> None:
    if postgres.installed():
        return
    message = "PostgreSQL is not installed (apt-get install postgresql)"
    if os.environ.get("MSD_RAY_REQUIRE_POSTGRES"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def open_directory() -> Iterator[Path]:
    """A temporary directory that another user can reach: root's PostgreSQL is one, and pytest's own are closed."""
    directory = Path(tempfile.mkdtemp(prefix="msd-ray-test-"))
    try:
        directory.chmod(0o755)
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    with open_directory() as directory:
        layout = Layout(root=directory)
        ports = with_free_ports(Ports(postgres=0))
        private_directory(layout.secrets)
        postgres.prepare(layout)
        server = PostgresServer(layout=layout, ports=ports, process=postgres.start(layout, ports, {}))
        try:
            postgres.create_databases(layout, ports, server.process)
            yield server
        finally:
            if terminate(lambda: {server.process}, signal.SIGINT, 60):
                terminate_or_kill(lambda: {server.process}, 10)
