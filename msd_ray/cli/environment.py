"""Options that the environment gives where the command line does not: where a search's things are.

    MSD_RAY_STORAGE         --storage
    MSD_RAY_STUDY_STORAGE   --study-storage
    MLFLOW_TRACKING_URI     --mlflow-uri

A job on a cluster runs in a temporary copy of the directory that was submitted, and a relative `--storage` would be
lost with it. The cluster's own environment says where things are, and one command line fits every cluster.
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
    """Those of the options with these defaults that the environment gives. A variable that is empty is not set.

    Raises UserError for an address that cannot be taken apart, naming its variable.
    """
    given: dict[str, Any] = {}
    for option, variable in VARIABLES.items():
        value = os.environ.get(variable, "").strip()
        if option in defaults and value:
            if option in ADDRESSES:
                check_address(variable, value)
            default = defaults[option]
            given[option] = value if default is None else type(default)(value)
    return given


def check_address(name: str, address: str) -> None:
    """See that an address can be taken apart. Raises UserError without repeating it: a password may be in it."""
    try:
        urlsplit(address).port  # noqa: B018 - looked at for its ValueError
    except ValueError as error:
        raise UserError(
            f"{name} is no URL: its port is no number, or a bracket is missing; "
            "write @, : and / of a password as %40, %3A and %2F"
        ) from error


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
