"""Ray's head with its token: a cluster of this machine, which takes jobs.

`ray start` does what it does when a person types it; it stays in the foreground of a session of its own, because that
way its processes are its children.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from msd_ray.common.errors import UserError

from .jobs_environment import jobs_environment
from .layout import HOST, Layout, Ports
from .processes import Process
from .secret_files import secret
from .services import answer, launch, own_environment, wait_until_ready

JOB_STOP_WAIT_S = 60
"""What a job is given after `ray job stop` to end in good order. Ray's own 3 seconds end no training."""
_ENDED = {"STOPPED", "SUCCEEDED", "FAILED"}
_POLL_S = 0.5
_PORT_TAKEN = b"because it's already occupied"  # as Ray says of the dashboard's port


def start(layout: Layout, ports: Ports, mark: Mapping[str, str], scratch: Path, cpus: int | None) -> Process:
    """Start the head; `wait` says when it takes jobs.

    scratch: a directory for this user alone, in which Ray makes one that everybody may write to; a short path, because
    those of its sockets may have 107 characters.
    cpus: that trials may use; None: all of this machine.
    """
    secret(layout.ray_token)
    environment = {
        **own_environment(),
        **mark,
        **jobs_environment(layout, ports),
        # Without it Ray replaces 127.0.0.1 by the machine's own address, and then listens on all interfaces.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_JOB_STOP_WAIT_TIME_S": str(JOB_STOP_WAIT_S),
    }
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += ["--node-ip-address", HOST, "--port", str(ports.ray), "--temp-dir", str(scratch / "ray")]
    command += ["--dashboard-host", HOST, "--dashboard-port", str(ports.dashboard)]
    command += ["--ray-client-server-port", str(ports.ray_client)]
    # Any free port: other clusters on this machine use Ray's usual ones.
    command += ["--dashboard-agent-listen-port", "0", "--min-worker-port", "0", "--max-worker-port", "0"]
    if cpus is not None:
        command += ["--num-cpus", str(cpus)]
    return launch(command, log=layout.log("ray"), environment=environment, cwd=layout.root)


def wait(layout: Layout, ports: Ports, head: Process) -> None:
    """Until it takes jobs. Raises UserError if it does not."""
    headers, log = _headers(layout), layout.log("ray")

    def ready() -> bool:
        # Ray goes on without a dashboard then, and takes no jobs.
        if _PORT_TAKEN in log.read_bytes():
            raise UserError(
                f"another program took port {ports.dashboard} while Ray started: start the cluster again, or name "
                "another port with --dashboard-port"
            )
        return answer(ports.dashboard, "/api/jobs/", headers)[0] == 200

    wait_until_ready(head, "Ray", log, ready)


def stop_jobs(layout: Layout, ports: Ports) -> list[str]:
    """Ask running jobs to end, as `ray job stop` does, and wait for them; their ids.

    Where Ray does not answer there is nobody to ask.
    """
    headers = _headers(layout)
    running = [name for name, status in _jobs(ports, headers).items() if status not in _ENDED]
    for name in running:
        answer(ports.dashboard, f"/api/jobs/{name}/stop", headers, method="POST")
    until = time.monotonic() + 2 * JOB_STOP_WAIT_S
    while set(running) & {name for name, status in _jobs(ports, headers).items() if status not in _ENDED}:
        if time.monotonic() > until:
            break
        time.sleep(_POLL_S)
    return running


def _jobs(ports: Ports, headers: Mapping[str, str]) -> dict[str, str]:
    """Submitted jobs and their states."""
    status, body = answer(ports.dashboard, "/api/jobs/", headers)
    jobs = json.loads(body) if status == 200 else []
    return {job["submission_id"]: job["status"] for job in jobs if job.get("submission_id")}


def _headers(layout: Layout) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret(layout.ray_token)}"}
