"""Environment variables for the cluster's jobs, and the shell file for submitting them.

Secrets are passed as file names where the software supports it. MLflow's client only reads its password from an
environment variable, which is visible to the same user only.
"""

import os
import shlex
import sys
from pathlib import Path

from .layout import USER, Layout, Ports, ensure_secret, write_private


def jobs_environment(layout: Layout, ports: Ports) -> dict[str, str]:
    """Environment of a job, with the defaults for storage, study storage and MLflow.

    PATH starts with the directory of this Python, because a job's entrypoint is `python ...`.
    """
    return {
        **_common(layout, ports),
        "MLFLOW_TRACKING_PASSWORD": ensure_secret(layout.mlflow_password),
        "PATH": os.pathsep.join([str(_programs()), os.environ.get("PATH", os.defpath)]),
    }


def write_env_file(layout: Layout, ports: Ports) -> None:
    """Write the file; after `. FILE`, `ray job submit` and this project's commands use the cluster."""
    variables = {**_common(layout, ports), "RAY_API_SERVER_ADDRESS": layout.dashboard_url(ports)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(f'export MLFLOW_TRACKING_PASSWORD="$(cat {shlex.quote(str(layout.mlflow_password))})"')
    lines.append(f'export PATH={shlex.quote(str(_programs()))}:"$PATH"')
    write_private(layout.env_file, "\n".join(["# For a shell that submits jobs: . this-file", *lines, ""]))


def _common(layout: Layout, ports: Ports) -> dict[str, str]:
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(layout.ray_token),
        "MSD_RAY_STORAGE": str(layout.storage),
        "MSD_RAY_STUDY_STORAGE": layout.study_storage(ports),
        "PGPASSFILE": str(layout.password_file),
        "MLFLOW_TRACKING_URI": layout.mlflow_uri(ports),
        "MLFLOW_TRACKING_USERNAME": USER,
    }


def _programs() -> Path:
    """The directory of this Python; not resolved, because the interpreter of a virtual environment is a link."""
    return Path(sys.executable).parent
