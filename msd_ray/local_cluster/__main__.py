"""`python -m msd_ray.local_cluster start|status|stop`. See `--help`."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from msd_ray.cli.console import print_line, print_pairs
from msd_ray.common.errors import run_command
from msd_ray.common.interrupts import interruptible
from msd_ray.common.option_types import path

from .layout import USER, Layout, Ports, with_free_ports
from .lifecycle import SERVICES, start, stop
from .state import ClusterState, read_state

DESCRIPTION = """\
Start and stop PostgreSQL, an MLflow server and a Ray head that accepts jobs, on
the loopback interface. `make cluster` and `make cluster-stop` call this."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 1 if `status` finds no cluster or only some of its servers running.

    Raises:
        UserError: the cluster cannot be started or stopped.
    """
    options = command_line().parse_args(arguments)
    console = Console()
    layout = Layout(root=Path(os.path.abspath(options.directory)))  # noqa: PTH100 - does not resolve symbolic links

    def report(text: str) -> None:
        print_line(console, text)

    if options.command == "start":
        given = Ports(**{field.name: getattr(options, field.name) for field in fields(Ports)})
        with interruptible():
            state = start(layout, with_free_ports(given), options.cpus, report)
        console.print()
        _describe(layout, state, console)
        return 0
    if options.command == "stop":
        report("The cluster is stopped." if stop(layout, report) else f"No cluster is running in {layout.root}.")
        return 0
    found = read_state(layout)
    if found is None:
        report(f"No cluster is running in {layout.root}.")
        return 1
    running = [service.name for service in found.running()]
    for name in SERVICES:
        report(f"{name:<11} {'running' if name in running else 'not running'}")
    if len(running) == len(SERVICES):
        console.print()
        _describe(layout, found, console)
    return 0 if len(running) == len(SERVICES) else 1


def _describe(layout: Layout, state: ClusterState, console: Console) -> None:
    """Print addresses, directories and how to submit a job."""
    ports = state.ports
    password = f"user {USER}, password in {layout.mlflow_password}"
    print_pairs(
        console,
        [
            ("Ray", f"{layout.dashboard_url(ports)} (dashboard and jobs), token in {layout.ray_token}"),
            ("MLflow", f"{layout.mlflow_uri(ports)}, {password}"),
            ("PostgreSQL", f"{layout.study_storage(ports)}, password in {layout.password_file}"),
            ("storage", str(layout.storage)),
            ("logs", str(layout.log("ray").parent)),
        ],
    )
    console.print()
    for line in (
        "Submit a search from the project's directory:",
        f"  . {os.path.relpath(layout.env_file)}",
        "  ray job submit --working-dir . -- python -m msd_ray.tune --lang ar --preset quickstart",
        "`ray job stop ID` stops a job gracefully; the same command submitted again resumes its study.",
    ):
        print_line(console, line)


def command_line() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(prog="python -m msd_ray.local_cluster", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("start", "start the cluster, unless it is running"),
        ("status", "show which servers are running, and how to use them"),
        ("stop", "stop the servers that were started here; data are kept"),
    ):
        command = commands.add_parser(name, help=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        add = command.add_argument
        add("--directory", type=path, default=Path("runs/cluster"), metavar="DIR", help="directory of the cluster")
        if name == "start":
            for field in fields(Ports):
                option = f"--{field.name.replace('_', '-')}-port"
                add(option, dest=field.name, type=_port, default=field.default, metavar="N", help="0: any free port")
            add("--cpus", type=int, metavar="N", help="CPUs for trials; default: all")
    return parser


def _port(given: str) -> int:
    port = int(given)
    if port and not 1024 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be 0 or a port from 1024 to 65535")
    return port


if __name__ == "__main__":
    run_command(main)
