"""`msd-ray COMMAND` and `python -m msd_ray COMMAND`: every command under one name, and its completion in shells."""

import argparse
import sys
from importlib import import_module, metadata
from types import ModuleType

import shtab

from .common.errors import UserError, run_command
from .common.option_types import path, place

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
USAGE = "usage: msd-ray COMMAND [options]   (msd-ray COMMAND --help; --version; --print-completion SHELL)"


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the first argument names; its exit code. Raises UserError for an unknown command."""
    given = sys.argv[1:] if arguments is None else arguments
    command, *rest = given or ["--help"]
    if command == "--version":
        print(f"msd-ray {metadata.version('msd-ray')}")
        return 0
    if command == "--print-completion":
        print(completion(rest[0] if rest else ""))
        return 0
    if command in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        print(USAGE, "", *(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()), sep="\n")
        return 0
    name = command.replace("-", "_")
    if name not in COMMANDS:
        raise UserError(f"unknown command {command!r}; choose from {', '.join(COMMANDS)}")
    return int(_module(name).main(rest))


def completion(shell: str) -> str:
    """The script that completes commands and options in a shell. Raises UserError for an unknown shell."""
    if shell not in shtab.SUPPORTED_SHELLS:
        raise UserError(f"--print-completion {shell}: unknown shell. Choose from {', '.join(shtab.SUPPORTED_SHELLS)}.")
    parser = argparse.ArgumentParser(prog="msd-ray")
    commands = parser.add_subparsers()
    for name, what in COMMANDS.items():
        commands.add_parser(name, help=what, parents=[_module(name).command_line()], add_help=False)
    _complete_paths(parser)
    return str(shtab.complete(parser, shell))


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    """Complete file names where an option takes a path."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_paths(command)
        elif action.type in (path, place):
            action.complete = shtab.FILE  # type: ignore[attr-defined]


def _module(name: str) -> ModuleType:
    """The module of a command, with its `main` and `command_line`. No other command is imported."""
    return import_module(f"msd_ray.{name}" if name in ("tune", "ablate") else f"msd_ray.{name}.__main__")


def console_script() -> None:
    """What the installed `msd-ray` calls."""
    run_command(main)


if __name__ == "__main__":
    console_script()
