"""Files and ports of a local cluster; creates directories and files that only their owner can read.

cluster.json    state of the cluster (see `state`); exists while it is running
env.sh          environment of the shell that submits jobs; exists while the cluster is running
secrets/        passwords and the token, readable by their owner only
postgresql/     PostgreSQL's data directory
mlartifacts/    artifacts of the MLflow server
storage/        `--storage` of jobs
logs/           output of each server, and Ray's logs of the last session
"""

import os
import secrets
import socket
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from msd_ray.common.files import new_file

HOST = "127.0.0.1"
USER = "msd_ray"
"""User name in PostgreSQL and in MLflow."""
_SECRET_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Ports of the servers; 0 means any free port. Ray opens additional random ports."""

    postgres: int = 5433  # 5432 is used by Debian's default server
    mlflow: int = 5000
    ray: int = 6379
    dashboard: int = 8265
    ray_client: int = 10001


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Paths and addresses of a cluster. root: absolute."""

    root: Path

    @property
    def state_file(self) -> Path:
        """State of the running cluster."""
        return self.root / "cluster.json"

    @property
    def lock(self) -> Path:
        """Lock file, held during start and stop."""
        return self.root / "cluster.lock"

    @property
    def env_file(self) -> Path:
        """Shell file for submitting jobs."""
        return self.root / "env.sh"

    @property
    def secrets(self) -> Path:
        """Passwords and the token."""
        return self.root / "secrets"

    @property
    def password_file(self) -> Path:
        """PostgreSQL's password in libpq's format."""
        return self.secrets / "pgpass"

    @property
    def ray_token(self) -> Path:
        """Ray's authentication token."""
        return self.secrets / "ray-token"

    @property
    def mlflow_password(self) -> Path:
        """The password of `USER` in MLflow."""
        return self.secrets / "mlflow-password"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's directory."""
        return self.root / "postgresql"

    @property
    def artifacts(self) -> Path:
        """The artifacts that MLflow serves."""
        return self.root / "mlartifacts"

    @property
    def storage(self) -> Path:
        """`--storage` of jobs."""
        return self.root / "storage"

    def log(self, service: str) -> Path:
        """Output of a server."""
        return self.root / "logs" / f"{service}.log"

    def study_storage(self, ports: Ports) -> str:
        """URL of Optuna's database; the password is in `password_file`."""
        return f"postgresql://{USER}@{HOST}:{ports.postgres}/studies"

    def mlflow_uri(self, ports: Ports) -> str:
        """URL of the MLflow server."""
        return f"http://{HOST}:{ports.mlflow}"

    def dashboard_url(self, ports: Ports) -> str:
        """URL of Ray's dashboard, which accepts jobs."""
        return f"http://{HOST}:{ports.dashboard}"


def with_free_ports(ports: Ports) -> Ports:
    """Replace zeros by free ports."""
    with ExitStack() as sockets:  # all open at once, so that all ports differ
        values = asdict(ports)
        for name, port in values.items():
            if port == 0:
                probe = sockets.enter_context(socket.socket())
                probe.bind((HOST, 0))
                values[name] = probe.getsockname()[1]
        return Ports(**values)


def private_directory(path: Path) -> None:
    """Create a directory with mode 0700, or set that mode on an existing one. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def ensure_secret(path: Path) -> str:
    """Read the secret in the file; create it first if it does not exist: 64 hexadecimal digits, no quoting needed."""
    if path.exists():
        path.chmod(0o600)
        return path.read_text(encoding="ascii")
    value = secrets.token_hex(_SECRET_BYTES)
    write_private(path, value)
    return value


def write_private(path: Path, text: str) -> None:
    """Write a file atomically with mode 0600."""
    with new_file(path) as scratch:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
