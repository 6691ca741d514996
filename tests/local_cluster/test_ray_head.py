"""The Ray head: a port taken between the check and Ray's start is reported at once."""

import socket
import tempfile
from pathlib import Path

import pytest
from postgres_server import open_directory

from msd_ray.common.errors import UserError
from msd_ray.local_cluster import ray_head
from msd_ray.local_cluster.layout import HOST, Layout, Ports, private_directory, with_free_ports
from msd_ray.local_cluster.processes import terminate_or_kill, with_descendants

pytestmark = [
    pytest.mark.slow("Ray notices after half a minute"),
    pytest.mark.cluster,
    pytest.mark.extended,
    pytest.mark.timeout(1200),
]


def test_a_port_that_is_taken_during_the_start() -> None:
    ports = with_free_ports(Ports(postgres=0, mlflow=0, ray=0, dashboard=0, ray_client=0))
    with (
        open_directory() as directory,
        tempfile.TemporaryDirectory(prefix="msd-ray-", dir="/tmp", ignore_cleanup_errors=True) as scratch,
        socket.create_server((HOST, ports.dashboard)),
    ):
        layout = Layout(root=directory)
        private_directory(layout.secrets)
        head = ray_head.start(layout, ports, {}, Path(scratch), 1)
        try:
            taken = f"--dashboard-port {ports.dashboard}: another program took the port while Ray started"
            with pytest.raises(UserError, match=taken):
                ray_head.wait(layout, ports, head)
        finally:
            members = with_descendants([head])
            assert terminate_or_kill(lambda: {one for one in members if one.alive}, 60) == set()
