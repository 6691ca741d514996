"""The environment that leads to a cluster: what its jobs inherit, and the file for a shell that submits them.

Secrets are named by file wherever the software takes a file. MLflow's client takes its password from the environment
alone, which only the same user can read, and never from a command line.
"""

import os
import shlex
import sys
from pathlib import Path

from .layout import USER, Layout, Ports
from .secret_files import secret, write_private


def jobs_environment(layout: Layout, ports: Ports) -> dict[str, str]:
    """What a job finds, and what it needs to use storage, studies and MLflow without naming them.

    PATH begins with this Python's programs: a job's entrypoint is `python ...`.
    """
    return {
        **_common(layout, ports),
        "MLFLOW_TRACKING_PASSWORD": secret(layout.mlflow_password),
        "PATH": os.pathsep.join([str(_programs()), os.environ.get("PATH", os.defpath)]),
    }


def write_env_file(layout: Layout, ports: Ports) -> None:
    """Write the file; `. FILE` makes `ray job submit`, and the project's own commands, use the cluster."""
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
    """Where this Python's programs are: not resolved, a virtual environment's interpreter is a link."""
    return Path(sys.executable).parent
