"""The cluster that a search joins: an address without a cluster fails at once, with a message."""

import socket

import pytest

from msd_ray.common.errors import UserError
from msd_ray.search.on_ray.cluster import cluster


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"{scheme}127.0.0.1:{port}")
    with (
        pytest.raises(UserError, match=f"no cluster answers at RAY_ADDRESS={scheme}127.0.0.1:{port} .*refused"),
        cluster(),
    ):
        pass
