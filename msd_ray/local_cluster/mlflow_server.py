"""The MLflow server: password-protected, with its database in PostgreSQL, serving its own artifacts."""

import base64
import signal
import sys
from collections.abc import Mapping

from .layout import HOST, USER, Layout, Ports, ensure_secret, write_private
from .processes import Process
from .services import base_environment, launch, request, wait_until_ready

STOP_SIGNAL = signal.SIGTERM
_WORKERS = 2


def start(layout: Layout, ports: Ports, mark: Mapping[str, str]) -> Process:
    """Start the server. Its command line has no secret: libpq reads the database password from a file."""
    password = ensure_secret(layout.mlflow_password)
    configuration = layout.secrets / "mlflow-auth.ini"
    # Only used for an empty user database; later passwords are set in MLflow.
    write_private(
        configuration,
        "[mlflow]\n"
        "default_permission = NO_PERMISSIONS\n"
        f"database_uri = {_database(ports, 'mlflow_auth')}\n"
        f"admin_username = {USER}\n"
        f"admin_password = {password}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        # Checking a password takes tens of milliseconds, longer than most requests; check once per minute.
        "auth_cache_ttl_seconds = 60\n",
    )
    layout.artifacts.mkdir(exist_ok=True)
    environment = {
        **base_environment(),
        **mark,
        "PGPASSFILE": str(layout.password_file),
        "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": ensure_secret(layout.secrets / "mlflow-secret-key"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Would start eight processes for agent jobs, which are not used here.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(ports.mlflow)]
    command += ["--app-name", "basic-auth", "--workers", str(_WORKERS)]
    command += ["--backend-store-uri", _database(ports, "mlflow"), "--artifacts-destination", str(layout.artifacts)]
    return launch(command, log=layout.log("mlflow"), environment=environment, cwd=layout.root)


def wait(layout: Layout, ports: Ports, server: Process) -> None:
    """Wait until the server accepts the password. Raises UserError if it does not start."""
    credentials = base64.b64encode(f"{USER}:{ensure_secret(layout.mlflow_password)}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    path = "/api/2.0/mlflow/experiments/search?max_results=1"
    wait_until_ready(server, "MLflow", layout.log("mlflow"), lambda: request(ports.mlflow, path, headers)[0] == 200)


def _database(ports: Ports, name: str) -> str:
    return f"postgresql+psycopg://{USER}@{HOST}:{ports.postgres}/{name}"
