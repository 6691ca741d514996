"""Checks that Ray's Unix sockets, which lie below the directory for temporary files, can have their paths."""

import os
import sys

from msd_ray.common.errors import UserError

LONGEST_PATH = 103 if sys.platform == "darwin" else 107
"""Bytes of a socket's path (sun_path of unix(7), with a final zero)."""
_SOCKET = "ray/session_2026-01-31_23-59-59_123456_1234567/sockets/plasma_store"
"""The longest one, with a process id of seven digits."""


def check_socket_paths() -> None:
    """Raise UserError if the paths of a local Ray's sockets would be too long; Ray itself fails after it has begun."""
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    directory = os.environ.get(variable, "/tmp")  # noqa: S108 - as Ray does
    length = len(os.fsencode(os.path.join(directory, _SOCKET)))  # noqa: PTH118 - as Ray does
    if length > LONGEST_PATH:
        raise UserError(
            f"{variable}={directory}: Ray's sockets would have paths of {length} bytes, and {LONGEST_PATH} are "
            "possible; run `export RAY_TMPDIR=/tmp`, or another directory with a short path, then the same command"
        )
