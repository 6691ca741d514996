"""`msd-ray COMMAND` and `python -m msd_ray COMMAND`: every command under one name."""

import sys
from collections.abc import Callable
from importlib import metadata

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
    return _main_of(name)(rest)


def _main_of(name: str) -> Callable[[list[str]], int]:
    """The main function of a command; its module alone is imported."""
    match name:
        case "tune":
            from .tune import main
        case "ablate":
            from .ablate import main
        case "report":
            from .report.__main__ import main
        case "predict":
            from .predict.__main__ import main
        case "data":
            from .data.__main__ import main
        case "storage":
            from .storage.__main__ import main
        case "doctor":
            from .doctor.__main__ import main
        case _:
            from .local_cluster.__main__ import main
    return main


def console_script() -> None:
    """What the installed `msd-ray` calls."""
    run_command(main)


if __name__ == "__main__":
    console_script()
