"""MLflow's server with its password, its database in PostgreSQL, and artifacts that it takes and serves itself."""

import base64
import signal
import sys
from collections.abc import Mapping

from .layout import HOST, USER, Layout, Ports
from .processes import Process
from .secret_files import secret, write_private
from .services import answer, launch, own_environment, wait_until_ready

STOP_SIGNAL = signal.SIGTERM
_WORKERS = 2


def start(layout: Layout, ports: Ports, mark: Mapping[str, str]) -> Process:
    """Start the server. No secret stands in its command line: the databases' password is read by libpq."""
    password = secret(layout.mlflow_password)
    configuration = layout.secrets / "mlflow-auth.ini"
    # The password counts for an empty user database; later ones are set in MLflow.
    write_private(
        configuration,
        "[mlflow]\n"
        "default_permission = NO_PERMISSIONS\n"
        f"database_uri = {_database(ports, 'mlflow_auth')}\n"
        f"admin_username = {USER}\n"
        f"admin_password = {password}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        # A password's check takes tens of milliseconds, more than most requests: once a minute is enough.
        "auth_cache_ttl_seconds = 60\n",
    )
    layout.artifacts.mkdir(exist_ok=True)
    environment = {
        **own_environment(),
        **mark,
        "PGPASSFILE": str(layout.password_file),
        "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret(layout.secrets / "mlflow-secret-key"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Jobs of agents: eight more processes, none of which is ever given one here.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(ports.mlflow)]
    command += ["--app-name", "basic-auth", "--workers", str(_WORKERS)]
    command += ["--backend-store-uri", _database(ports, "mlflow"), "--artifacts-destination", str(layout.artifacts)]
    return launch(command, log=layout.log("mlflow"), environment=environment, cwd=layout.root)


def wait(layout: Layout, ports: Ports, server: Process) -> None:
    """Until it answers who has the password. Raises UserError if it does not."""
    credentials = base64.b64encode(f"{USER}:{secret(layout.mlflow_password)}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    path = "/api/2.0/mlflow/experiments/search?max_results=1"
    wait_until_ready(server, "MLflow", layout.log("mlflow"), lambda: answer(ports.mlflow, path, headers)[0] == 200)


def _database(ports: Ports, name: str) -> str:
    return f"postgresql+psycopg://{USER}@{HOST}:{ports.postgres}/{name}"
