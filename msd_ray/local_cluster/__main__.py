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
from .record import Record, read_record

DESCRIPTION = """\
The whole stack on this machine, on loopback: PostgreSQL, an MLflow server and a
Ray head that takes jobs. `make cluster` and `make cluster-stop` call this."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 where `status` finds no cluster, or a part of one.

    Raises UserError for whatever stands in the way.
    """
    options = _parser().parse_args(arguments)
    console = Console()
    layout = Layout(root=Path(os.path.abspath(options.directory)))  # noqa: PTH100 - a link in it stays as it was given

    def say(text: str) -> None:
        print_line(console, text)

    if options.command == "start":
        given = Ports(**{field.name: getattr(options, field.name) for field in fields(Ports)})
        with interruptible():
            record = start(layout, with_free_ports(given), options.cpus, say)
        console.print()
        _describe(layout, record, console)
        return 0
    if options.command == "stop":
        say("The cluster has ended." if stop(layout, say) else f"No cluster runs in {layout.root}.")
        return 0
    found = read_record(layout)
    if found is None:
        say(f"No cluster runs in {layout.root}.")
        return 1
    running = [service.name for service in found.running()]
    for name in SERVICES:
        say(f"{name:<11} {'runs' if name in running else 'does not run'}")
    if len(running) == len(SERVICES):
        console.print()
        _describe(layout, found, console)
    return 0 if len(running) == len(SERVICES) else 1


def _describe(layout: Layout, record: Record, console: Console) -> None:
    """What runs where, and how it is used."""
    ports = record.ports
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
        "`ray job stop ID` ends a job in good order, and the same line goes on with its study.",
    ):
        print_line(console, line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m msd_ray.local_cluster", description=DESCRIPTION)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("start", "start it, or say that it runs"),
        ("status", "say what runs, and how to use it"),
        ("stop", "end what was started, and nothing else; data stay"),
    ):
        command = commands.add_parser(name, help=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        add = command.add_argument
        add("--directory", type=path, default=Path("runs/cluster"), metavar="DIR", help="where its files lie")
        if name == "start":
            for field in fields(Ports):
                option = f"--{field.name.replace('_', '-')}-port"
                add(option, dest=field.name, type=_port, default=field.default, metavar="N", help="0: a free one")
            add("--cpus", type=int, metavar="N", help="CPUs that trials may use: all of this machine where not given")
    return parser


def _port(given: str) -> int:
    port = int(given)
    if port and not 1024 <= port <= 65535:
        raise argparse.ArgumentTypeError("is no port from 1024 to 65535")
    return port


if __name__ == "__main__":
    run_command(main)
