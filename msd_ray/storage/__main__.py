"""`python -m msd_ray.storage`: what lies in a storage, by study, and the removal of what nobody needs any more."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pyarrow import fs
from rich.console import Console
from rich.table import Table

from msd_ray.cli.console import print_line
from msd_ray.cli.environment import from_environment, warn_of_passwords
from msd_ray.cli.option_table import Places
from msd_ray.cli.parser import CommandParser
from msd_ray.common import option_types
from msd_ray.common.errors import UserError, run_command
from msd_ray.common.text import printable
from msd_ray.tracking.study_states import study_states
from msd_ray.tracking.uri import default_tracking_uri, shown_uri

from .garbage_collection import Decision, Rules, decide, held_studies, prune
from .inventory import file_system, storage_readable, things
from .layout import Storage
from .uses import Uses, read_uses, students_of

UNKNOWN, SHARED, SCRATCH = "(no study known)", "(shared)", "(half written)"


def print_table(console: Console, decisions: Sequence[Decision], rules: Rules) -> None:
    """A line a study, and what all of them come to."""
    if not decisions:
        print_line(console, "nothing lies there")
        return
    table = Table()
    for heading in ("study", "state", "things"):
        table.add_column(heading)
    for heading in ("size", "last used", "can go"):
        table.add_column(heading, justify="right")
    for study, group in _groups(decisions).items():
        counts = Counter(decision.thing.kind for decision in group)
        table.add_row(
            printable(study),
            "" if study.startswith("(") else rules.state(study),
            ", ".join(f"{count} {kind}" for kind, count in counts.items()),
            size_of(group),
            f"{datetime.fromtimestamp(max(one.used for one in group), UTC):%Y-%m-%d %H:%M}",
            size_of(removable(group)),
        )
    console.print(table, markup=False)
    total = f"{size_of(decisions)} in all, of which {size_of(removable(decisions))} can go (times are UTC)"
    print_line(console, total)


def as_json(place: str, decisions: Sequence[Decision], rules: Rules) -> dict[str, Any]:
    """Every thing, who has used it, and why it stays: `keep` is null for what can go."""
    studies = sorted({study for decision in decisions for study in decision.studies})
    return {
        "storage": place,
        "studies": {study: rules.state(study) for study in studies},
        "things": [
            {
                "name": decision.thing.name,
                "bytes": decision.thing.size,
                "changed": decision.thing.changed,
                "used": decision.used,
                "studies": decision.studies,
                "keep": decision.keep,
            }
            for decision in decisions
        ],
    }


def removable(decisions: Sequence[Decision]) -> list[Decision]:
    """Those of things that can go."""
    return [decision for decision in decisions if decision.keep is None]


def size_of(decisions: Sequence[Decision]) -> str:
    """Of all these things, for people."""
    size = float(sum(decision.thing.size for decision in decisions))
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _groups(decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
    """By study; what several have used, or nobody is known to, apart, so that every thing is counted once."""
    groups: dict[str, list[Decision]] = {}
    for decision in decisions:
        study = decision.studies[0] if len(decision.studies) == 1 else SHARED if decision.studies else UNKNOWN
        if decision.thing.scratch:
            study = SCRATCH
        elif decision.thing.kind == "models":
            study = decision.thing.key
        groups.setdefault(study, []).append(decision)
    return dict(sorted(groups.items(), key=lambda item: (item[0].startswith("("), item[0])))


COMMAND = "python -m msd_ray.storage"
DESCRIPTION = """\
List what lies in a storage, by study, with size and age; or remove what nobody needs any more.

A study needs what it has used until MLflow says that it has ended, but not the students of trials that it stopped
early. The trainings of its winner and of registered students stay, and so do exported students. Whatever was removed
is made again when a search asks for it, with the same weights. Without --delete, prune only says what it would
remove."""
EXAMPLES = """\
examples:
  python -m msd_ray.storage --storage runs
  python -m msd_ray.storage prune --storage s3://BUCKET/PREFIX --mlflow-uri http://HOST:5000 --older-than 30
  python -m msd_ray.storage prune --study wikiann-ar --delete
"""


def main(arguments: list[str] | None = None) -> int:
    """List or prune; 0. Raises UserError for bad input, and where storage or MLflow cannot be read."""
    options = argparse.Namespace(**{**vars(Places(**from_environment())), **command_line().read(arguments)})
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri})
    console = Console()
    storage = Storage.at(options.storage)
    if storage.store is not None:
        if options.mlflow_uri is None:
            raise UserError(f"--storage {storage.place} holds no databases: give --mlflow-uri too")
        storage.store.look()
    elif not storage.root.is_dir():
        raise UserError(f"the storage {storage.root} is not there: name another one with --storage")
    with storage_readable(storage):
        filesystem = file_system(storage)
        uses, found = read_uses(filesystem), things(filesystem)
        rules = _rules(options, storage, filesystem, uses)
    decisions = [decide(thing, uses, rules) for thing in found]
    if not options.json:
        print_table(console, decisions, rules)
    removed: list[Decision] = []
    if options.action == "prune":
        with storage_readable(storage):
            removed = _pruned(options, console, storage, decisions, uses)
    if options.json:
        told = as_json(storage.place, decisions, rules)
        if options.action == "prune":
            told["removed"] = [decision.thing.name for decision in removed]
        print(json.dumps(told, indent=1))
    return 0


def command_line() -> CommandParser:
    """The parser."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [list|prune] [options]"
    add = parser.add_argument
    add("action", nargs="?", choices=["list", "prune"], default="list", help="what to do (default: list)")
    storage = "a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX (default: MSD_RAY_STORAGE, else runs)"
    add("--storage", type=option_types.place, metavar="PLACE", help=storage)
    mlflow = "knows what has ended: a server or database (default: MLFLOW_TRACKING_URI, else mlflow.db in --storage)"
    add("--mlflow-uri", type=option_types.address, metavar="URI", help=mlflow)
    add("--json", action="store_true", default=False, help="for scripts")
    add = parser.add_argument_group("what prune removes").add_argument
    add(
        "--study",
        nargs="+",
        action=option_types.Names,
        type=option_types.text,
        metavar="NAME",
        default=[],
        help="only what these studies alone have used",
    )
    add("--older-than", type=float, metavar="DAYS", default=0.0, help="only what was not used for so long (default: 0)")
    unknown = "also what is so old and no study is known to use"
    add("--unknown-older-than", type=float, metavar="DAYS", default=None, help=unknown)
    add("--delete", action="store_true", default=False, help="remove it; without this nothing is changed")
    parser.add_argument("-h", "--help", action="help", help="show this help, and stop")
    return parser


def _rules(options: argparse.Namespace, storage: Storage, filesystem: fs.FileSystem, uses: Uses) -> Rules:
    for name in ("older_than", "unknown_older_than"):
        value = getattr(options, name)
        if value is not None and not 0 <= value < 1e6:
            raise UserError(f"--{name.replace('_', '-')} {value:g}: give a number of days, 0 or more")
    if options.delete and options.action != "prune":
        raise UserError("--delete belongs to prune: list removes nothing")
    if unknown := set(options.study) - uses.studies:
        known = ", ".join(sorted(uses.studies)) or "none"
        raise UserError(f"--study {' '.join(sorted(unknown))}: has used nothing in {storage.place}; studies: {known}")
    uri = options.mlflow_uri or default_tracking_uri(storage.root)
    states = study_states(uri)
    if not states.database_exists and (options.action == "prune" or options.unknown_older_than is not None):
        raise UserError(
            f"there is no MLflow database {shown_uri(uri)}, and nothing else says what champions and open studies "
            "need: give the studies' --mlflow-uri"
        )
    return Rules(
        finished=states.finished,
        held=held_studies(storage, uses.studies),
        stopped={study: students_of(filesystem, uses, study, trials) for study, trials in states.pruned.items()},
        needed={"/".join(weights.split("/")[:2]): model for weights, model in states.weights.items()},
        studies=frozenset(options.study),
        older_than=options.older_than,
        unknown_older_than=options.unknown_older_than,
    )


def _pruned(
    options: argparse.Namespace, console: Console, storage: Storage, decisions: Sequence[Decision], uses: Uses
) -> list[Decision]:
    """Remove what can go, or say that it would be; what was removed."""

    def say(line: str) -> None:
        if not options.json:
            print_line(console, line)

    filesystem = file_system(storage)
    removed: list[Decision] = []
    for decision in removable(decisions):
        line = f"{decision.thing.name}  {size_of([decision])}"
        if not options.delete:
            say(f"would remove {line}")
        elif prune(storage, filesystem, decision, uses):
            removed.append(decision)
            say(f"removed {line}")
        else:
            say(f"kept {line}: somebody has turned to it meanwhile")
    say(f"{size_of(removed)} removed" if options.delete else "Nothing was changed: give --delete to remove it.")
    return removed


if __name__ == "__main__":
    run_command(main)
