"""Options that default to environment variables: storage and databases.

    MSD_RAY_STORAGE         --storage
    MSD_RAY_STUDY_STORAGE   --study-storage
    MLFLOW_TRACKING_URI     --mlflow-uri

A job on a cluster runs in a temporary copy of the submitted directory, and a relative `--storage` would be deleted with
it. With these variables in the cluster's environment, one command line works on every cluster.
"""

import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.common.text import has_password

from .declaration import declared
from .option_table import Places

_PLACES = declared(Places)
VARIABLES = {name: one.environment for name, one in _PLACES.items() if one.environment}
"""Name of an option -> its variable."""


def from_environment() -> dict[str, Any]:
    """Values of `Places` from the environment. An empty variable counts as not set.

    Raises: UserError for a wrong value, naming its variable.
    """
    given = {}
    for name, variable in VARIABLES.items():
        if value := os.environ.get(variable, "").strip():
            try:
                given[name] = _PLACES[name].read(value)
            except ArgumentTypeError as error:
                raise UserError(f"{variable}: {error}.") from error
    return given


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
