"""The command line of `msd_ray.doctor`: the one of `tune`, so that it can be put in its place, and two options more."""

from collections.abc import Sequence
from dataclasses import dataclass

from .arguments import add_options_of_tune
from .options import TuneOptions, options_of
from .parser import CommandParser

COMMAND = "python -m msd_ray.doctor"
DESCRIPTION = """\
See whether a search would run: releases, databases, storage and space, corpus,
encoder, memory, and the Ray cluster with each of its nodes.

It takes the options of `msd_ray.tune`: put `doctor` in its place. Each line says
pass, warn or fail, and below it what to do. Nothing is changed or started.

Exit code: 0 if nothing failed, 1 if something did, 2 for a mistake in the options."""
EXAMPLES = """\
examples:
  Before a search on this machine:
    python -m msd_ray.doctor --lang ar --preset quickstart
  On the cluster at RAY_ADDRESS, for a script:
    python -m msd_ray.doctor --lang ar hi zh --storage /shared/msd --json
"""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """tune: the search that would run; its languages may be none. quick: no cluster, nothing loaded."""

    tune: TuneOptions
    quick: bool
    json: bool


def parse(arguments: Sequence[str] | None = None) -> DoctorOptions:
    """Read the command line. Raises UserError for what is unknown or out of range; SystemExit for --help."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [--lang CODE [CODE ...]] [options]"
    add = add_options_of_tune(parser, lang_required=False).add_argument
    add("--quick", action="store_true", help="only releases, databases, storage and space: what tune looks at itself")
    add("--json", action="store_true", help="print one JSON object instead of lines")
    add("-h", "--help", action="help", help="show this help, and stop")
    given = {"lang": (), **parser.read(arguments)}
    quick, as_json = given.pop("quick", False), given.pop("json", False)
    return DoctorOptions(tune=options_of(given), quick=quick, json=as_json)
