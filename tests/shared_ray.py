"""The Ray cluster that tests share: two CPUs of this machine, on loopback, with a token.

It is started as `make cluster` starts its own. A command joins it with the variables of `SharedRay.environment`. Tests
of Ray's own life cycle (its start, its end, its token, lost nodes) start their own.
"""

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ray_requests import ask
from s3_server import CREDENTIALS
from tune_process import TESTS

from msd_ray.local_cluster import ray_head
from msd_ray.local_cluster.layout import HOST, Layout, Ports, private_directory, with_free_ports
from msd_ray.local_cluster.processes import Process, terminate, with_descendants

CPUS = 2
HEAD = "MSD_RAY_TEST_HEAD"
"""Environment variable with the process id whose descendants are the cluster's processes."""
SETTLE_S = 120.0
_ENDED = {"actors": "DEAD", "placement_groups": "REMOVED"}
_RAYS_OWN = "AutoscalingCoordinator"
"""An actor that Ray Train starts once in a cluster, for all searches."""


@dataclass(frozen=True, kw_only=True)
class SharedRay:
    """The running cluster."""

    layout: Layout
    ports: Ports
    head: Process

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a command that joins it."""
        return {
            "RAY_ADDRESS": f"{HOST}:{self.ports.ray}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.layout.ray_token),
            HEAD: str(self.head.pid),
        }

    def assert_unused(self) -> None:
        """Within a bound, no actor of a search lives and no placement group reserves anything."""
        until = time.monotonic() + SETTLE_S
        while left := [entry for kind in _ENDED for entry in self._in_use(kind)]:
            assert time.monotonic() < until, left
            time.sleep(0.2)

    def _in_use(self, kind: str) -> list[dict[str, object]]:
        query = f"filter_keys=state&filter_predicates=!%3D&filter_values={_ENDED[kind]}"
        headers = {"Authorization": f"Bearer {self.layout.ray_token.read_text()}"}
        status, body = ask(self.ports.dashboard, f"/api/v0/{kind}?{query}", headers)
        assert status == 200, body
        found: list[dict[str, object]] = json.loads(body)["data"]["result"]["result"]
        return [entry for entry in found if entry.get("name") != _RAYS_OWN]


@contextmanager
def shared_ray(directory: Path) -> Iterator[SharedRay]:
    """Start it, and end it afterwards. directory: for its token, its logs and its nodes' caches."""
    layout = Layout(root=directory)
    ports = with_free_ports(Ports(postgres=0, mlflow=0, ray=0, dashboard=0, ray_client=0))
    private_directory(layout.secrets)
    variables = {
        **CREDENTIALS,
        "MSD_RAY_CACHE": str(directory / "cache"),
        "PYTHONPATH": os.pathsep.join(str(path) for path in (TESTS.parent, TESTS, TESTS / "search")),
    }
    with tempfile.TemporaryDirectory(prefix="msd-ray-", dir="/tmp", ignore_cleanup_errors=True) as short:
        head = ray_head.start(layout, ports, variables, Path(short), CPUS)
        try:
            ray_head.wait(layout, ports, head)
            yield SharedRay(layout=layout, ports=ports, head=head)
        finally:
            members = with_descendants([head])
            assert terminate(lambda: members, signal.SIGKILL, 60) == set()  # nothing of it is kept
