"""`python -m msd_ray.storage`: what lies in a storage, by study, and the removal of what nobody needs any more."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from .address_passwords import warn_of_passwords
from .argument_groups import CommandParser, text
from .arguments import DEFAULTS
from .console import print_line
from .environment import from_environment
from .errors import UserError, run_command
from .printable import printable
from .search.held_studies import held_studies
from .search.inventory import file_system, storage_readable, things
from .search.pruning import Decision, Rules, decide, prune
from .search.storage import Storage
from .search.uses import Uses, read_uses
from .tracking.study_states import study_states
from .tracking.uri import default_tracking_uri

COMMAND = "python -m msd_ray.storage"
DESCRIPTION = """\
List what lies in a storage, by study, with size and age; or remove what nobody needs any more.

A study needs what it has used until MLflow says that it has ended. A registered student's training stays, and so
do exported students. Whatever was removed is made again when a search asks for it, with the same weights.
Without --delete, prune only says what it would remove."""
EXAMPLES = """\
examples:
  python -m msd_ray.storage list --storage runs
  python -m msd_ray.storage prune --storage s3://BUCKET/PREFIX --mlflow-uri http://HOST:5000 --older-than 30
  python -m msd_ray.storage prune --study wikiann-ar --delete
"""
OPTIONS: dict[str, Any] = {"storage": DEFAULTS["storage"], "mlflow_uri": None}
UNKNOWN, SHARED, SCRATCH = "(no study known)", "(shared)", "(half written)"


def main(arguments: list[str] | None = None) -> int:
    """List or prune; 0. Raises UserError for bad input, and where storage or MLflow cannot be read."""
    options = argparse.Namespace(**{**OPTIONS, **from_environment(OPTIONS), **_parser().read(arguments)})
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri})
    console = Console()
    storage = Storage.at(str(options.storage))
    if storage.store is None and not storage.root.is_dir():
        raise UserError(f"the storage {storage.root} is not there: name another one with --storage")
    with storage_readable(storage):
        filesystem = file_system(storage)
        uses, found = read_uses(filesystem), things(filesystem)
    rules = _rules(options, storage, uses)
    decisions = [decide(thing, uses, rules) for thing in found]
    if options.json:
        print(json.dumps(_as_json(storage, decisions, rules), indent=1))
    else:
        _print(console, decisions, rules)
    if options.action == "prune":
        with storage_readable(storage):
            _prune(options, console, storage, decisions, uses)
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} list|prune [options]"
    add = parser.add_argument
    add("action", choices=["list", "prune"], help="what to do")
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


def _rules(options: argparse.Namespace, storage: Storage, uses: Uses) -> Rules:
    for name in ("older_than", "unknown_older_than"):
        value = getattr(options, name)
        if value is not None and not 0 <= value < 1e6:
            raise UserError(f"--{name.replace('_', '-')} {value:g}: give a number of days, 0 or more")
    if storage.store is not None and options.mlflow_uri is None:
        raise UserError(f"--storage {storage.place} holds no databases: give --mlflow-uri too")
    if unknown := set(options.study) - uses.studies:
        known = ", ".join(sorted(uses.studies)) or "none"
        raise UserError(f"--study {' '.join(sorted(unknown))}: has used nothing in {storage.place}; studies: {known}")
    states = study_states(options.mlflow_uri or default_tracking_uri(storage.root))
    return Rules(
        finished=states.finished,
        held=held_studies(storage, uses.studies),
        needed={"/".join(weights.split("/")[:2]): model for weights, model in states.weights.items()},
        studies=frozenset(options.study),
        older_than=options.older_than,
        unknown_older_than=options.unknown_older_than,
    )


def _print(console: Console, decisions: Sequence[Decision], rules: Rules) -> None:
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
            _size(group),
            f"{datetime.fromtimestamp(max(one.used for one in group), UTC):%Y-%m-%d %H:%M}",
            _size(_removable(group)),
        )
    console.print(table, markup=False) if decisions else print_line(console, "nothing lies there")
    if decisions:
        print_line(
            console, f"{_size(decisions)} in all, of which {_size(_removable(decisions))} can go (times are UTC)"
        )


def _prune(
    options: argparse.Namespace, console: Console, storage: Storage, decisions: Sequence[Decision], uses: Uses
) -> None:
    filesystem, removed = file_system(storage), []
    for decision in _removable(decisions):
        line = f"{decision.thing.name}  {_size([decision])}"
        if not options.delete:
            print_line(console, f"would remove {line}")
        elif prune(storage, filesystem, decision, uses):
            removed.append(decision)
            print_line(console, f"removed {line}")
        else:
            print_line(console, f"kept {line}: somebody has turned to it meanwhile")
    if options.delete:
        print_line(console, f"{_size(removed)} removed")
    else:
        print_line(console, "Nothing was changed: give --delete to remove it.")


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


def _removable(decisions: Sequence[Decision]) -> list[Decision]:
    return [decision for decision in decisions if decision.keep is None]


def _size(decisions: Sequence[Decision]) -> str:
    size = float(sum(decision.thing.size for decision in decisions))
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _as_json(storage: Storage, decisions: Sequence[Decision], rules: Rules) -> dict[str, Any]:
    studies = sorted({study for decision in decisions for study in decision.studies})
    return {
        "storage": storage.place,
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


if __name__ == "__main__":
    run_command(main)
