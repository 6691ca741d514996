"""Command line of `msd_ray.doctor`: all options of `msd_ray.tune`, and its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.common.option_types import path

from .arguments import add_options_of_tune
from .options import TuneOptions, options_of
from .parser import CommandParser

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
class DoctorOptions:
    """Options of one examination.

    tune: the search to check; its languages may be empty. quick: join no cluster and load no encoder.
    cluster_files: check these instead of a search; with ready, a placeholder is an error. constraints: file that pins
    Ray.
    """

    tune: TuneOptions
    quick: bool
    json: bool
    cluster_files: tuple[Path, ...]
    ready: bool
    constraints: Path


def parse(arguments: Sequence[str] | None = None) -> DoctorOptions:
    """Read the command line. Raises UserError for a wrong option or value, SystemExit for --help."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [--lang CODE [CODE ...]] [options]"
    add = add_options_of_tune(parser, lang_required=False).add_argument
    add(
        "--quick",
        action="store_true",
        help="check only versions, databases, storage and disk space, as tune does itself",
    )
    add("--json", action="store_true", help="print one JSON object instead of lines")
    add(
        "--cluster-files",
        nargs="+",
        type=path,
        metavar="FILE",
        help="check these files instead, such as cluster/*.yaml",
    )
    add("--ready", action="store_true", help="with --cluster-files: treat a remaining CHANGE-ME as an error")
    add("--constraints", type=path, metavar="FILE", help="with --cluster-files: pins of Ray (default: constraints.txt)")
    add("-h", "--help", action="help", help="show this help and exit")
    given = {"lang": (), **parser.read(arguments)}
    own = {"quick": False, "json": False, "cluster_files": (), "ready": False, "constraints": None}
    values = {name: given.pop(name, value) for name, value in own.items()}
    if not values["cluster_files"] and (values["ready"] or values["constraints"]):
        raise UserError("--ready and --constraints apply to --cluster-files only")
    values["constraints"] = values["constraints"] or Path("constraints.txt")
    values["cluster_files"] = tuple(values["cluster_files"])
    return DoctorOptions(tune=options_of(given), **values)
