"""Options of `msd_ray.doctor`: all options of `msd_ray.tune`, and its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msd_ray.common.errors import UserError

from .declaration import option
from .option_table import Search, Study
from .options import TuneOptions, add_settings, given_values
from .parser import CommandParser, add_help

COMMAND = "python -m msd_ray.doctor"
DESCRIPTION = """\
Check whether a search would run: package versions, databases, storage, disk space,
corpus, encoder, memory, and the Ray cluster with each of its nodes.

It takes the options of `msd_ray.tune`: replace `tune` with `doctor`. Each line shows
pass, warn or fail, followed by what to do. Nothing is changed or started.

With --cluster-files it checks launcher YAMLs (ray up), Kubernetes manifests and compose
files instead: Ray's own validation of launcher YAMLs, placeholders, resources against what
a trial asks for, image tags against the pinned Ray, secrets in files, public addresses,
token authentication. Fields of providers and of Kubernetes are not validated.

Exit code: 0 if no check failed, 1 if one failed, 2 for wrong options."""
EXAMPLES = """\
examples:
  Before a search on this machine:
    python -m msd_ray.doctor --lang ar --preset quickstart
  On the cluster at RAY_ADDRESS, with JSON output:
    python -m msd_ray.doctor --lang ar hi zh --storage /shared/msd --json
  Cluster files, before `ray up` or `kubectl apply`:
    python -m msd_ray.doctor --cluster-files cluster/*.yaml
"""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What is examined, and how it is shown."""

    quick: bool = option(False, "check only versions, databases, storage and disk space, as tune does itself")
    json: bool = option(False, "print one JSON object instead of lines")
    cluster_files: tuple[Path, ...] = option((), "check these files instead, such as cluster/*.yaml", metavar="FILE")
    ready: bool = option(False, "with --cluster-files: treat a remaining CHANGE-ME as an error")
    constraints: Path | None = option(
        None, "with --cluster-files: pins of Ray", metavar="FILE", shown_default="constraints.txt"
    )


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Checks, TuneOptions):
    """Options of one examination, with those of the search to check. Its languages may be empty."""

    def __post_init__(self) -> None:
        """Raise UserError for a wrong value."""
        super().__post_init__()
        if not self.cluster_files and (self.ready or self.constraints):
            raise UserError("--ready and --constraints apply to --cluster-files only")


def parse(arguments: Sequence[str] | None = None) -> DoctorOptions:
    """Read the command line. Raises UserError for a wrong option or value, SystemExit for --help."""
    return DoctorOptions(**given_values(command_line(), DoctorOptions, arguments, {"lang": ()}))


def command_line() -> CommandParser:
    """The parser."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [--lang CODE [CODE ...]] [options]"
    add_help(parser.add_options("checks", DoctorOptions, Checks))
    parser.add_options("search", DoctorOptions, Study, Search)
    add_settings(parser, DoctorOptions)
    return parser
