"""The command line of `msd_ray.doctor`: the one of `tune`, so that it can be put in its place, and two options more."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msd_ray.common.errors import UserError

from .arguments import add_options_of_tune
from .options import TuneOptions, options_of
from .parser import CommandParser

COMMAND = "python -m msd_ray.doctor"
DESCRIPTION = """\
See whether a search would run: releases, databases, storage and space, corpus,
encoder, memory, and the Ray cluster with each of its nodes.

It takes the options of `msd_ray.tune`: put `doctor` in its place. Each line says
pass, warn or fail, and below it what to do. Nothing is changed or started.

With --cluster-files it checks launcher YAMLs (ray up), Kubernetes manifests and compose
files instead: Ray's own validation of launcher YAMLs, placeholders, resources against what
a trial asks for, image tags against the pinned Ray, secrets in files, public addresses,
token authentication. Fields of providers and of Kubernetes are not validated.

Exit code: 0 if nothing failed, 1 if something did, 2 for a mistake in the options."""
EXAMPLES = """\
examples:
  Before a search on this machine:
    python -m msd_ray.doctor --lang ar --preset quickstart
  On the cluster at RAY_ADDRESS, for a script:
    python -m msd_ray.doctor --lang ar hi zh --storage /shared/msd --json
  The files of a cluster, before `ray up` or `kubectl apply`:
    python -m msd_ray.doctor --cluster-files cluster/*.yaml
"""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """tune: the search that would run; its languages may be none. quick: no cluster, nothing loaded.

    cluster_files: check these instead of a search; with ready, a placeholder is an error. constraints: pins Ray.
    """

    tune: TuneOptions
    quick: bool
    json: bool
    cluster_files: tuple[Path, ...]
    ready: bool
    constraints: Path


def parse(arguments: Sequence[str] | None = None) -> DoctorOptions:
    """Read the command line. Raises UserError for what is unknown or out of range; SystemExit for --help."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [--lang CODE [CODE ...]] [options]"
    add = add_options_of_tune(parser, lang_required=False).add_argument
    add("--quick", action="store_true", help="only releases, databases, storage and space: what tune looks at itself")
    add("--json", action="store_true", help="print one JSON object instead of lines")
    add("--cluster-files", nargs="+", type=Path, metavar="FILE", help="check these files instead: cluster/*.yaml")
    add("--ready", action="store_true", help="with --cluster-files: a CHANGE-ME that is still there is an error")
    add("--constraints", type=Path, metavar="FILE", help="with --cluster-files: pins Ray (default: constraints.txt)")
    add("-h", "--help", action="help", help="show this help, and stop")
    given = {"lang": (), **parser.read(arguments)}
    own = {"quick": False, "json": False, "cluster_files": (), "ready": False, "constraints": None}
    values = {name: given.pop(name, value) for name, value in own.items()}
    if not values["cluster_files"] and (values["ready"] or values["constraints"]):
        raise UserError("--ready and --constraints apply to --cluster-files only")
    values["constraints"] = values["constraints"] or Path("constraints.txt")
    values["cluster_files"] = tuple(values["cluster_files"])
    return DoctorOptions(tune=options_of(given), **values)
