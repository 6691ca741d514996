"""`python -m msd_ray.storage`: what lies in a storage, by study, and the removal of what nobody needs any more."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from pyarrow import fs
from rich.console import Console

from .address_passwords import warn_of_passwords
from .argument_groups import CommandParser, text
from .arguments import DEFAULTS
from .console import print_line
from .environment import from_environment
from .errors import UserError, run_command
from .search.held_studies import held_studies
from .search.inventory import file_system, storage_readable, things
from .search.pruning import Decision, Rules, decide, prune
from .search.storage import Storage
from .search.uses import Uses, read_uses, students_of
from .storage_listing import as_json, print_table, removable, size_of
from .tracking.study_states import study_states
from .tracking.uri import default_tracking_uri, shown_uri

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
OPTIONS: dict[str, Any] = {"storage": DEFAULTS["storage"], "mlflow_uri": None}


def main(arguments: list[str] | None = None) -> int:
    """List or prune; 0. Raises UserError for bad input, and where storage or MLflow cannot be read."""
    options = argparse.Namespace(**{**OPTIONS, **from_environment(OPTIONS), **_parser().read(arguments)})
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri})
    console = Console()
    storage = Storage.at(str(options.storage))
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


def _parser() -> CommandParser:
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [list|prune] [options]"
    add = parser.add_argument
    add("action", nargs="?", choices=["list", "prune"], default="list", help="what to do (default: list)")
    place = "a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX (default: MSD_RAY_STORAGE, else runs)"
    add("--storage", type=text, metavar="PLACE", help=place)
    mlflow = "knows what has ended: a server or database (default: MLFLOW_TRACKING_URI, else mlflow.db in --storage)"
    add("--mlflow-uri", type=text, metavar="URI", help=mlflow)
    add("--json", action="store_true", default=False, help="for scripts")
    add = parser.add_argument_group("what prune removes").add_argument
    add("--study", nargs="+", type=text, metavar="NAME", default=[], help="only what these studies alone have used")
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
    if not states.there and (options.action == "prune" or options.unknown_older_than is not None):
        raise UserError(
            f"there is no MLflow database {shown_uri(uri)}, and nothing else says what champions and open studies "
            "need: give the studies' --mlflow-uri"
        )
    return Rules(
        finished=states.finished,
        held=held_studies(storage, uses.studies),
        stopped={study: students_of(filesystem, uses, study, trials) for study, trials in states.stopped.items()},
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
