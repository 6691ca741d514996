"""Where a cluster's files lie, and on which ports it listens.

cluster.json    what runs (`record`); there while a cluster runs
env.sh          for the shell that submits jobs; there while a cluster runs
secrets/        passwords and the token, for their owner alone
postgresql/     PostgreSQL's data
mlartifacts/    what MLflow's server keeps beside its database
storage/        teachers, students and models of jobs (`--storage`)
logs/           what each server printed, and Ray's own logs of the last run
"""

import socket
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

HOST = "127.0.0.1"
USER = "msd_ray"
"""The name in PostgreSQL and in MLflow."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What the servers listen on; Ray opens more, each on a free port of its own choice."""

    postgres: int = 5433  # Debian's own server has 5432
    mlflow: int = 5000
    ray: int = 6379
    dashboard: int = 8265
    ray_client: int = 10001


@dataclass(frozen=True, kw_only=True)
class Layout:
    """root: absolute."""

    root: Path

    @property
    def record(self) -> Path:
        """What runs."""
        return self.root / "cluster.json"

    @property
    def lock(self) -> Path:
        """Held while a cluster is started or ended."""
        return self.root / "cluster.lock"

    @property
    def env_file(self) -> Path:
        """Shell commands for those who submit jobs."""
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
        """The token that Ray asks for."""
        return self.secrets / "ray-token"

    @property
    def mlflow_password(self) -> Path:
        """The password of `USER` in MLflow."""
        return self.secrets / "mlflow-password"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's own directory."""
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
        """What a server printed."""
        return self.root / "logs" / f"{service}.log"

    def study_storage(self, ports: Ports) -> str:
        """Optuna's database; the password is in `password_file`."""
        return f"postgresql://{USER}@{HOST}:{ports.postgres}/studies"

    def mlflow_uri(self, ports: Ports) -> str:
        """MLflow's server."""
        return f"http://{HOST}:{ports.mlflow}"

    def dashboard_url(self, ports: Ports) -> str:
        """Ray's dashboard, which takes jobs."""
        return f"http://{HOST}:{ports.dashboard}"


def with_free_ports(ports: Ports) -> Ports:
    """The same with free ports for zeros."""
    with ExitStack() as held:  # all at once, so that no two are the same
        values = asdict(ports)
        for name, port in values.items():
            if port == 0:
                probe = held.enter_context(socket.socket())
                probe.bind((HOST, 0))
                values[name] = probe.getsockname()[1]
        return Ports(**values)
