"""A warning about addresses with a password in them: a command line is no place for one.

Everybody on the machine reads it in the process list, shells keep it, and Ray shows a job's command in its dashboard.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from .printable import has_password

INSTEAD = {
    "http": "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    "postgresql": "set PGPASSWORD, or keep it in the file that PGPASSFILE names (by default ~/.pgpass)",
}


def warn_of_passwords(addresses: Mapping[str, str | Path | None]) -> None:
    """Say on standard error which of these options (name -> value) holds a password, and where it belongs."""
    for option, address in addresses.items():
        if isinstance(address, str) and has_password(address):
            instead = next((way for scheme, way in INSTEAD.items() if address.startswith(scheme)), "keep it elsewhere")
            print(
                f"warning: {option} holds a password, which the process list shows to every user of this machine: "
                f"leave it out of the address and {instead}",
                file=sys.stderr,
            )
