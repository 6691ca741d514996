"""A search with Ray Train's workers and planted secrets, and all that could be seen of its processes meanwhile."""

import http.client
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from planted import ENVIRONMENT
from ray_requests import HOST, ask
from tune_process import Tune, listening

from msd_ray.doctor.authentication import TokenStatus, token_status


@dataclass(frozen=True, kw_only=True)
class WatchedSearch:
    """It has ended. addresses: it listened on. commands: its processes' command lines. ray_files: Ray's session.

    to_nobody: by port, what a client without token was answered, as a cluster's control service would, and in HTTP.
    """

    tune: Tune
    addresses: frozenset[str]
    commands: frozenset[bytes]
    ray_files: Path
    to_nobody: Mapping[int, tuple[TokenStatus | None, tuple[int, bytes] | None]]


def run_watched(arguments: list[str], directory: Path, ray_files: Path) -> WatchedSearch:
    """Run the command; its output lies in `directory`. ray_files: a path short enough for a socket."""
    addresses: set[str] = set()
    commands: set[bytes] = set()
    to_nobody: dict[int, tuple[TokenStatus | None, tuple[int, bytes] | None]] = {}
    environment = {**ENVIRONMENT, "RAY_TMPDIR": str(ray_files)}
    with Tune(arguments, directory / "log", environment=environment) as tune:
        while tune.process.poll() is None:
            pids = {tune.process.pid, *tune.descendants()}
            for pid in pids:
                with suppress(OSError):
                    commands.add(Path(f"/proc/{pid}/cmdline").read_bytes())
            sockets = listening(pids)
            addresses |= {address for address, _ in sockets}
            if not to_nobody and any(command.startswith(b"ray::RayTrainWorker") for command in commands):
                to_nobody = _answers({port for _, port in sockets})
            time.sleep(0.2)
        assert tune.wait() == 0, tune.output
    return WatchedSearch(
        tune=tune,
        addresses=frozenset(addresses),
        commands=frozenset(commands),
        ray_files=ray_files,
        to_nobody=to_nobody,
    )


def _answers(ports: Iterable[int]) -> dict[int, tuple[TokenStatus | None, tuple[int, bytes] | None]]:
    return {port: (token_status(f"{HOST}:{port}", None), _in_http(port)) for port in ports}


def _in_http(port: int) -> tuple[int, bytes] | None:
    with suppress(OSError, http.client.HTTPException):
        return ask(port, "/api/jobs/", {}, timeout_s=10)
    return None
