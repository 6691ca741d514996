"""Whether a cluster takes a token, asked directly: joining with a wrong one fails late, and without that reason."""

import os
from pathlib import Path
from typing import Literal

import grpc

Answer = Literal["accepted", "refused"]
_TIMEOUT_S = 10.0
# A question without content that any client of a cluster asks first.
_CLUSTER_ID = "/ray.rpc.NodeInfoGcsService/GetClusterId"


def token_here() -> tuple[str | None, str]:
    """The token that Ray takes in this process, and where it is from; None, and why, where it takes none.

    In Ray's own order: RAY_AUTH_TOKEN, the file that RAY_AUTH_TOKEN_PATH names, ~/.ray/auth_token.
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


def answer_to(address: str, token: str | None) -> Answer | None:
    """What the cluster at HOST:PORT says to a client with this token, or without one.

    None if that is not to be known: nobody answers, or something else than a cluster's control service, or with TLS.
    """
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(_CLUSTER_ID)
        try:
            ask(b"", timeout=_TIMEOUT_S, metadata=metadata)
        except grpc.RpcError as error:
            return "refused" if error.code() == grpc.StatusCode.UNAUTHENTICATED else None
    return "accepted"
