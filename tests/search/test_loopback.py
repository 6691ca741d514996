"""Clusters that listen on loopback only are distinguished from those that listen on all interfaces."""

import socket

import pytest

from msd_ray.search.on_ray.loopback import only_on_loopback


@pytest.mark.parametrize(("listens_on", "alone"), [("127.0.0.1", True), ("0.0.0.0", False)])
@pytest.mark.parametrize("written", ["127.0.0.1", "localhost", "ray://127.0.0.1"])
def test_where_it_listens(listens_on: str, alone: bool, written: str) -> None:
    with socket.create_server((listens_on, 0)) as server:
        assert only_on_loopback(f"{written}:{server.getsockname()[1]}") == alone


@pytest.mark.parametrize("address", ["127.0.0.1:9", "auto", "192.0.2.1:6379", "head.example:6379", "127.0.0.1"])
def test_nobody_there_and_other_addresses(address: str) -> None:
    assert not only_on_loopback(address)
