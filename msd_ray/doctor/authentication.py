"""Ask a cluster directly whether it accepts a token: joining with a wrong one fails late, without that reason."""

import os
from pathlib import Path
from typing import Literal

import grpc

TokenStatus = Literal["accepted", "refused"]
_TIMEOUT_S = 10.0
# An empty request that every client of a cluster sends first.
_CLUSTER_ID = "/ray.rpc.NodeInfoGcsService/GetClusterId"


def token_here() -> tuple[str | None, str]:
    """The token that Ray uses in this process, and its origin; None and the reason if it uses none.

    Order as in Ray: RAY_AUTH_TOKEN, the file that RAY_AUTH_TOKEN_PATH names, ~/.ray/auth_token.
    """
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return None, "RAY_AUTH_MODE is not token"
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token, "RAY_AUTH_TOKEN"
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named) if named else Path.home() / ".ray" / "auth_token"
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        return None, f"{path}: {error.strerror}"
    return (token, str(path)) if token else (None, f"{path} is empty")


def token_status(address: str, token: str | None) -> TokenStatus | None:
    """Whether the cluster at HOST:PORT accepts a client with this token, or without one.

    Returns: None if unknown: no answer, TLS, or a service that is not a cluster's control service.
    """
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(_CLUSTER_ID)
        try:
            ask(b"", timeout=_TIMEOUT_S, metadata=metadata)
        except grpc.RpcError as error:
            return "refused" if error.code() == grpc.StatusCode.UNAUTHENTICATED else None
    return "accepted"
