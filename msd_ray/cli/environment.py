"""Options that default to environment variables: storage and databases.

    MSD_RAY_STORAGE         --storage
    MSD_RAY_STUDY_STORAGE   --study-storage
    MLFLOW_TRACKING_URI     --mlflow-uri

A job on a cluster runs in a temporary copy of the submitted directory, and a relative `--storage` would be deleted with
it. With these variables in the cluster's environment, one command line works on every cluster.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msd_ray.common.errors import UserError
from msd_ray.common.text import has_password

VARIABLES = {
    "storage": "MSD_RAY_STORAGE",
    "study_storage": "MSD_RAY_STUDY_STORAGE",
    "mlflow_uri": "MLFLOW_TRACKING_URI",
}
ADDRESSES = ("mlflow_uri", "study_storage")
"""Options that take a URL."""


def from_environment(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Values from the environment, of those options that `defaults` names. An empty variable counts as not set.

    Raises: UserError for a malformed URL, naming its variable.
    """
    given: dict[str, Any] = {}
    for option, variable in VARIABLES.items():
        value = os.environ.get(variable, "").strip()
        if option in defaults and value:
            if option in ADDRESSES:
                check_address(variable, value)
            default = defaults[option]
            # Configuration files of clusters are not read by a shell, which would expand `~`.
            value = os.path.expanduser(value) if option == "storage" else value  # noqa: PTH111 - or a URI
            given[option] = value if default is None else type(default)(value)
    return given


def check_address(name: str, address: str) -> None:
    """Raise UserError for a malformed URL. The message omits the URL, which may hold a password."""
    try:
        urlsplit(address).port  # noqa: B018 - raises ValueError
    except ValueError as error:
        raise UserError(
            f"{name} is not a URL: its port is not a number, or a bracket is missing. "
            "In a password, write @, : and / as %40, %3A and %2F."
        ) from error


INSTEAD = {
    "http": "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    "postgresql": "set PGPASSWORD, or put the password into the file that PGPASSFILE names (default: ~/.pgpass)",
}


def warn_of_passwords(addresses: Mapping[str, str | Path | None]) -> None:
    """Warn on standard error of each option (name -> value) whose URL holds a password."""
    for option, address in addresses.items():
        if isinstance(address, str) and has_password(address):
            instead = next((way for scheme, way in INSTEAD.items() if address.startswith(scheme)), "store it elsewhere")
            print(
                f"warning: {option} holds a password, which the process list shows to every user of this machine. "
                f"Remove it from the URL and {instead}.",
                file=sys.stderr,
            )
