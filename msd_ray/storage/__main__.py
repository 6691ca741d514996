"""`python -m msd_ray.storage`: lists the artifacts of a storage by study, and removes those that are not needed."""

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

from .garbage_collection import Retention, RetentionPolicy, active_studies, collect, retention
from .inventory import file_system, list_artifacts, read_errors
from .layout import Storage
from .uses import Uses, read_uses, students_of

UNKNOWN, SHARED, INCOMPLETE = "(no known study)", "(shared)", "(incomplete)"


def print_table(console: Console, artifacts: Sequence[Retention], policy: RetentionPolicy) -> None:
    """Print one row per study, and the total."""
    if not artifacts:
        print_line(console, "The storage is empty.")
        return
    table = Table()
    table.add_column("study", no_wrap=True)
    for heading in ("state", "artifacts"):
        table.add_column(heading)
    for heading in ("size", "last used", "removable"):
        table.add_column(heading, justify="right")
    for study, group in _groups(artifacts).items():
        counts = Counter(one.artifact.kind for one in group)
        table.add_row(
            printable(study),
            "" if study.startswith("(") else policy.state(study),
            ", ".join(f"{count} {kind}" for kind, count in counts.items()),
            size_of(group),
            f"{datetime.fromtimestamp(max(one.used for one in group), UTC):%Y-%m-%d %H:%M}",
            size_of(removable(group)),
        )
    console.print(table, markup=False)
    print_line(console, f"{size_of(artifacts)} in total, {size_of(removable(artifacts))} removable. Times are in UTC.")


def as_json(place: str, artifacts: Sequence[Retention], policy: RetentionPolicy) -> dict[str, Any]:
    """Every artifact with the studies that use it; `retained` says why it is retained, null if it is removable."""
    studies = sorted({study for one in artifacts for study in one.studies})
    return {
        "storage": place,
        "studies": {study: policy.state(study) for study in studies},
        "artifacts": [
            {
                "name": one.artifact.name,
                "bytes": one.artifact.size,
                "changed": one.artifact.modified,
                "used": one.used,
                "studies": one.studies,
                "retained": one.reason,
            }
            for one in artifacts
        ],
    }


def removable(artifacts: Sequence[Retention]) -> list[Retention]:
    """The removable ones of these artifacts."""
    return [one for one in artifacts if one.reason is None]


def size_of(artifacts: Sequence[Retention]) -> str:
    """Total size, with a binary unit."""
    size = float(sum(one.artifact.size for one in artifacts))
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _groups(artifacts: Sequence[Retention]) -> dict[str, list[Retention]]:
    """Artifacts by study; those of several studies or of none have groups of their own, so each is counted once."""
    groups: dict[str, list[Retention]] = {}
    for one in artifacts:
        study = one.studies[0] if len(one.studies) == 1 else SHARED if one.studies else UNKNOWN
        if one.artifact.incomplete:
            study = INCOMPLETE
        elif one.artifact.kind == "models":
            study = one.artifact.key
        groups.setdefault(study, []).append(one)
    return dict(sorted(groups.items(), key=lambda item: (item[0].startswith("("), item[0])))


COMMAND = "python -m msd_ray.storage"
DESCRIPTION = """\
List the artifacts of a storage by study, with size and age, or remove those that are not needed (garbage collection).

Artifacts of a study are retained until it has ended according to MLflow, except students of pruned trials. The
trainings of its winner and of registered students are retained, and so are exported students. A removed artifact is
created again when a search needs it, with the same weights. Without --delete, gc only shows what it would remove."""
EXAMPLES = """\
examples:
  python -m msd_ray.storage --storage runs
  python -m msd_ray.storage gc --storage s3://BUCKET/PREFIX --mlflow-uri http://HOST:5000 --older-than 30
  python -m msd_ray.storage gc --study wikiann-ar --delete
"""


def main(arguments: list[str] | None = None) -> int:
    """List or remove artifacts, and return 0. Raises UserError for invalid input and unusable storages or MLflow."""
    options = argparse.Namespace(**{**vars(Places(**from_environment())), **command_line().read(arguments)})
    options.gc = options.action != "list"
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri})
    console = Console()
    storage = Storage.at(options.storage)
    if storage.store is not None:
        if options.mlflow_uri is None:
            raise UserError(f"--storage {storage.place}: cannot hold the MLflow database. Add --mlflow-uri URI.")
        storage.store.check_bucket()
    elif not storage.root.is_dir():
        raise UserError(f"--storage {storage.root}: does not exist. Choose an existing storage.")
    with read_errors(storage):
        filesystem = file_system(storage)
        uses, found = read_uses(filesystem), list_artifacts(filesystem)
        policy = _policy(options, storage, filesystem, uses)
    artifacts = [retention(artifact, uses, policy) for artifact in found]
    if not options.json:
        print_table(console, artifacts, policy)
    removed: list[Retention] = []
    if options.gc:
        with read_errors(storage):
            removed = _collect(options, console, storage, removable(artifacts), uses)
    if options.json:
        content = as_json(storage.place, artifacts, policy)
        if options.gc:
            content["removed"] = [one.artifact.name for one in removed]
        print(json.dumps(content, indent=1))
    return 0


def command_line() -> CommandParser:
    """The parser."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [list|gc] [options]"
    add = parser.add_argument
    action = "list, or gc for garbage collection, also called prune (default: list)"
    add("action", nargs="?", choices=["list", "gc", "prune"], default="list", help=action)
    storage = "a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX (default: MSD_RAY_STORAGE, else runs)"
    add("--storage", type=option_types.place, metavar="PLACE", help=storage)
    mlflow = "server or database with the studies (default: MLFLOW_TRACKING_URI, else mlflow.db in --storage)"
    add("--mlflow-uri", type=option_types.address, metavar="URI", help=mlflow)
    add("--json", action="store_true", default=False, help="print JSON")
    add = parser.add_argument_group("options of gc").add_argument
    add(
        "--study",
        nargs="+",
        action=option_types.Names,
        type=option_types.text,
        metavar="NAME",
        default=[],
        help="only artifacts that no other studies use",
    )
    add("--older-than", type=float, metavar="DAYS", default=0.0, help="only artifacts unused for so long (default: 0)")
    unknown = "also artifacts without known study that are unused for so long"
    add("--unknown-older-than", type=float, metavar="DAYS", default=None, help=unknown)
    add("--delete", action="store_true", default=False, help="remove the artifacts; default: only show them")
    parser.add_argument("-h", "--help", action="help", help="show this help and exit")
    return parser


def _policy(options: argparse.Namespace, storage: Storage, filesystem: fs.FileSystem, uses: Uses) -> RetentionPolicy:
    for name in ("older_than", "unknown_older_than"):
        value = getattr(options, name)
        if value is not None and not 0 <= value < 1e6:
            raise UserError(f"--{name.replace('_', '-')} {value:g}: not a number of days. Use a number of 0 or more.")
    if options.delete and not options.gc:
        raise UserError("--delete: list removes nothing. Use gc --delete to remove artifacts.")
    if unknown := set(options.study) - uses.studies:
        known = ", ".join(sorted(uses.studies)) or "none"
        raise UserError(
            f"--study {' '.join(sorted(unknown))}: uses no artifacts in {storage.place}. Choose from: {known}."
        )
    uri = options.mlflow_uri or default_tracking_uri(storage.root)
    states = study_states(uri)
    if not states.database_exists and (options.gc or options.unknown_older_than is not None):
        raise UserError(
            f"--mlflow-uri {shown_uri(uri)}: the database does not exist. Only MLflow knows what open studies and "
            "champions need: use the --mlflow-uri of the studies."
        )
    return RetentionPolicy(
        finished=states.finished,
        active=active_studies(storage, uses.studies),
        pruned={study: students_of(filesystem, uses, study, trials) for study, trials in states.pruned.items()},
        dependents={"/".join(weights.split("/")[:2]): model for weights, model in states.weights.items()},
        studies=frozenset(options.study),
        older_than=options.older_than,
        unknown_older_than=options.unknown_older_than,
    )


def _collect(
    options: argparse.Namespace, console: Console, storage: Storage, unused: Sequence[Retention], uses: Uses
) -> list[Retention]:
    """Remove the unused artifacts, or without --delete show them. Returns those that were removed."""

    def show(line: str) -> None:
        if not options.json:
            print_line(console, line)

    filesystem = file_system(storage)
    removed: list[Retention] = []
    for one in unused:
        line = f"{one.artifact.name}  {size_of([one])}"
        if not options.delete:
            show(f"would remove {line}")
        elif collect(storage, filesystem, one, uses):
            removed.append(one)
            show(f"removed {line}")
        else:
            show(f"retained {line}: it came into use after it was listed")
    show(f"{size_of(removed)} removed" if options.delete else "Nothing was removed: add --delete to remove artifacts.")
    return removed


if __name__ == "__main__":
    run_command(main)
