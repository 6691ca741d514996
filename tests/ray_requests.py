"""Requests to Ray's ports, with a token or without one, and what they are answered."""

import http.client

import grpc

HOST = "127.0.0.1"
CALLS = {
    "gcs": "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "client": "/ray.rpc.RayletDriver/ClusterInfo",
}


def ask(port: int, path: str, headers: dict[str, str], timeout_s: float = 60) -> tuple[int, bytes]:
    """Status and body. Raises OSError, HTTPException where nobody speaks HTTP."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def grpc_answer(port: int, call: str, token: str | None) -> grpc.StatusCode:
    """What a call without content is answered with under a token, or without one, once somebody answers."""
    metadata = [] if token is None else [("authorization", f"Bearer {token}")]
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        grpc.channel_ready_future(channel).result(timeout=600)
        try:
            channel.unary_unary(call)(b"", timeout=60, metadata=[*metadata, ("client_id", "test")])
        except grpc.RpcError as error:
            code = error.code()
            assert isinstance(code, grpc.StatusCode)
            return code
        return grpc.StatusCode.OK
