"""A running cluster as a user starts it: `make cluster` and a shell with its environment file."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import tune_process

from msd_ray.local_cluster.layout import HOST, USER, Layout
from msd_ray.local_cluster.processes import Process, with_descendants, with_variable
from msd_ray.local_cluster.state import MARK, ClusterState, read_state

ROOT = Path(__file__).parents[2]
LIMIT_S = 1800.0
# The line of the README, and what makes it a matter of minutes.
(JOB,) = re.findall(
    r"^    (ray job submit .*--lang ar.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
)
SMALL = "--trials 1 --teacher-trials 1 --epochs 2 --limit 32 --seeds 1 --rows best --max-concurrent 1"
OPTIONS = ("postgres", "mlflow", "ray", "dashboard", "ray-client")


@dataclass
class Stack:
    layout: Layout
    seen: set[Process] = field(default_factory=set)
    commands: set[bytes] = field(default_factory=set)
    addresses: set[tuple[str, int]] = field(default_factory=set)

    def make(self, target: str) -> "subprocess.CompletedProcess[str]":
        """Run a target of the Makefile with the Python that runs the tests."""
        ports = " ".join(f"--{name}-port 0" for name in OPTIONS)
        command = ["make", "--no-print-directory", "-o", "install", f"BIN={Path(sys.executable).parent}"]
        command += [f"CLUSTER_DIR={self.layout.root}", f"CLUSTER_OPTIONS={ports} --cpus 2", target]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_S)

    def shell(self, command: str, log: Path) -> "subprocess.Popen[bytes]":
        """Start what a user types after `. env.sh` in the project's directory."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_"))}
        with log.open("wb") as output:
            return subprocess.Popen(
                ["bash", "-c", f". '{self.layout.env_file}' && {command}"],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, "OMP_NUM_THREADS": "1"},
            )

    def run(self, command: str, log: Path) -> str:
        """The output of a command that succeeds."""
        with self.shell(command, log) as started:
            assert started.wait(LIMIT_S) == 0, log.read_text()
        return log.read_text()

    def wait_until(self, condition: Callable[[], Any], log: Path, job: "subprocess.Popen[bytes]") -> None:
        """Until the condition holds, with the job running; looks at all processes meanwhile."""
        until = time.monotonic() + LIMIT_S
        while not condition():
            assert job.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            self.look()
            time.sleep(0.2)

    @property
    def state(self) -> ClusterState:
        found = read_state(self.layout)
        assert found is not None
        return found

    def look(self) -> None:
        """Remember every process of the stack, its command line and what it listens on."""
        state = self.state
        now = with_descendants(service.process for service in state.services) | with_variable(MARK, state.identity)
        self.seen |= now
        self.addresses |= tune_process.listening(one.pid for one in now)
        for one in now:
            try:
                self.commands.add(Path(f"/proc/{one.pid}/cmdline").read_bytes())
            except OSError:
                continue

    def secrets(self) -> dict[str, str]:
        """By the name of their file."""
        files = (path for path in self.layout.secrets.iterdir() if path.name not in {"pgpass", "mlflow-auth.ini"})
        return {path.name: path.read_text() for path in files}

    def query(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a database; none where its tables are not there yet."""
        with psycopg.connect(
            host=HOST,
            port=self.state.ports.postgres,
            user=USER,
            dbname=database,
            password=self.secrets()["postgres-password"],
        ) as connection:
            try:
                return connection.execute(sql).fetchall()
            except psycopg.errors.UndefinedTable:
                return []

    def trials(self) -> list[tuple[str, int, str, Any]]:
        """Study, number, state and end of every trial."""
        return self.query(
            "studies",
            "SELECT study_name, number, state::text, datetime_complete FROM trials JOIN studies USING (study_id) "
            "ORDER BY study_name, number",
        )

    def runs(self) -> dict[str, tuple[str, str]]:
        """Status and state of every run in MLflow, by its key; no two have one key."""
        rows = self.query(
            "mlflow",
            "SELECT key.value, status, state.value FROM runs JOIN tags key USING (run_uuid) "
            "JOIN tags state USING (run_uuid) WHERE key.key = 'key' AND state.key = 'state'",
        )
        assert len({key for key, *_ in rows}) == len(rows)
        return {key: (status, state) for key, status, state in rows}

    def leave(self) -> None:
        """End it where a test has not, and remove its directory's contents."""
        if self.layout.state_file.exists():
            done = self.make("cluster-stop")
            assert done.returncode == 0, done.stdout + done.stderr


def files_with(text: str, places: Iterable[Path]) -> list[Path]:
    """Files that hold a text."""
    wanted = text.encode()
    paths = (path for place in places for path in ([place] if place.is_file() else place.rglob("*")))
    return [path for path in paths if path.is_file() and not path.is_symlink() and wanted in path.read_bytes()]
