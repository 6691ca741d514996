"""`msd-ray COMMAND` and `python -m msd_ray COMMAND`: every command under one name."""

import sys
from importlib import import_module, metadata

from .common.errors import UserError, run_command

COMMANDS = {
    "tune": "search for the best student of a language",
    "ablate": "train and score the variants that the paper compares",
    "report": "write tables, figures and pages from MLflow",
    "predict": "tag text with a student",
    "data": "list and check corpora",
    "storage": "list artifacts, and remove unreferenced ones",
    "doctor": "check whether a search would run here; check cluster files",
    "local_cluster": "PostgreSQL, MLflow and Ray on this machine",
}
"""Each is a module of this package with a `main`, or a package whose `__main__` has it."""
MODULES = ("tune", "ablate")
USAGE = "usage: msd-ray COMMAND [options]   (msd-ray COMMAND --help; msd-ray --version)"


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the first argument names; its exit code. Raises UserError for an unknown command."""
    given = sys.argv[1:] if arguments is None else arguments
    command, *rest = given or ["--help"]
    if command == "--version":
        print(f"msd-ray {metadata.version('msd-ray')}")
        return 0
    if command in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        print(USAGE, "", *(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()), sep="\n")
        return 0
    name = command.replace("-", "_")
    if name not in COMMANDS:
        raise UserError(f"unknown command {command!r}; choose from {', '.join(COMMANDS)}")
    module = import_module(f"msd_ray.{name}" if name in MODULES else f"msd_ray.{name}.__main__")
    code: int = module.main(rest)
    return code


def console_script() -> None:
    """What the installed `msd-ray` calls."""
    run_command(main)


if __name__ == "__main__":
    console_script()
