"""What `msd_ray.storage` shows of a storage: a table by study, or everything as JSON."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from .console import print_line
from .printable import printable
from .search.pruning import Decision, Rules

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
