"""The Ray head: a cluster of this machine with token authentication that accepts jobs.

`ray start --block` stays in the foreground of its own session, so that Ray's processes are its children.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from msd_ray.common.errors import UserError

from .jobs_environment import jobs_environment
from .layout import HOST, Layout, Ports, ensure_secret
from .processes import Process
from .services import base_environment, launch, request, wait_until_ready

JOB_STOP_WAIT_S = 60
"""Grace period of `ray job stop`. Ray's default of 3 seconds is too short for a training to save its state."""
_ENDED = {"STOPPED", "SUCCEEDED", "FAILED"}
_POLL_S = 0.5
_PORT_TAKEN = b"because it's already occupied"  # from Ray's message about the dashboard port


def start(layout: Layout, ports: Ports, mark: Mapping[str, str], scratch: Path, cpus: int | None) -> Process:
    """Start the head; call `wait` next.

    Args:
        scratch: directory that only this user can access, because Ray creates a world-writable one in it. Its path must
            be short: socket paths are limited to 107 characters.
        cpus: CPUs for trials; None means all.
    """
    ensure_secret(layout.ray_token)
    environment = {
        **base_environment(),
        **mark,
        **jobs_environment(layout, ports),
        # Otherwise Ray replaces 127.0.0.1 by the machine's address and listens on all interfaces.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_JOB_STOP_WAIT_TIME_S": str(JOB_STOP_WAIT_S),
    }
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += ["--node-ip-address", HOST, "--port", str(ports.ray), "--temp-dir", str(scratch / "ray")]
    command += ["--dashboard-host", HOST, "--dashboard-port", str(ports.dashboard)]
    command += ["--ray-client-server-port", str(ports.ray_client)]
    # Random ports: other clusters on this machine may use Ray's defaults.
    command += ["--dashboard-agent-listen-port", "0", "--min-worker-port", "0", "--max-worker-port", "0"]
    if cpus is not None:
        command += ["--num-cpus", str(cpus)]
    return launch(command, log=layout.log("ray"), environment=environment, cwd=layout.root)


def wait(layout: Layout, ports: Ports, head: Process) -> None:
    """Wait until the head accepts jobs. Raises UserError if it does not start."""
    headers, log = _headers(layout), layout.log("ray")

    def ready() -> bool:
        # Ray continues without a dashboard then, and accepts no jobs.
        if _PORT_TAKEN in log.read_bytes():
            raise UserError(
                f"--dashboard-port {ports.dashboard}: another program took the port while Ray started. Start the "
                "cluster again, or choose another port."
            )
        return request(ports.dashboard, "/api/jobs/", headers)[0] == 200

    wait_until_ready(head, "Ray", log, ready)


def stop_jobs(layout: Layout, ports: Ports) -> list[str]:
    """Stop running jobs as `ray job stop` does and wait for them. Returns their ids; empty if Ray does not respond."""
    headers = _headers(layout)
    running = [name for name, status in _jobs(ports, headers).items() if status not in _ENDED]
    for name in running:
        request(ports.dashboard, f"/api/jobs/{name}/stop", headers, method="POST")
    until = time.monotonic() + 2 * JOB_STOP_WAIT_S
    while set(running) & {name for name, status in _jobs(ports, headers).items() if status not in _ENDED}:
        if time.monotonic() > until:
            break
        time.sleep(_POLL_S)
    return running


def _jobs(ports: Ports, headers: Mapping[str, str]) -> dict[str, str]:
    """Status by id of submitted jobs; empty if Ray does not respond."""
    status, body = request(ports.dashboard, "/api/jobs/", headers)
    jobs = json.loads(body) if status == 200 else []
    return {job["submission_id"]: job["status"] for job in jobs if job.get("submission_id")}


def _headers(layout: Layout) -> dict[str, str]:
    return {"Authorization": f"Bearer {ensure_secret(layout.ray_token)}"}
