"""The process group of a trial's workers, which rendezvous on a socket of the node's own address.

PyTorch's own rendezvous is an unauthenticated port on all interfaces. Here the first worker listens at the address of
Ray's node: on loopback only if the cluster is.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import ray
import ray.train
import ray.train.collective
import torch
import torch.distributed as dist

from .loopback import is_loopback

TIMEOUT = timedelta(minutes=30)


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Form a process group of this Ray Train run's workers: NCCL on GPUs, else Gloo.

    A single worker forms none.

    Args:
        device: this worker's device.
    """
    context = ray.train.get_context()
    rank, size = context.get_world_rank(), context.get_world_size()
    if size == 1:
        yield
        return
    own: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    listener = _listen(own) if rank == 0 else None
    address = (own, listener.getsockname()[1]) if listener else None
    host, port = ray.train.collective.broadcast_from_rank_zero(address)
    store = dist.TCPStore(  # type: ignore[attr-defined]
        host,
        port,
        world_size=size,
        is_master=rank == 0,
        timeout=TIMEOUT,
        wait_for_workers=False,
        master_listen_fd=listener.detach() if listener else None,  # the store closes it
    )
    if is_loopback(own):
        # Otherwise they listen at the address that the host name resolves to.
        os.environ["GLOO_SOCKET_IFNAME"] = os.environ["NCCL_SOCKET_IFNAME"] = "lo"
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _listen(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family)
