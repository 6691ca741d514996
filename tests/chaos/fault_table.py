"""The table of faults: a line for each that a test saw recovered or ended as promised.

python fault_table.py FILE prints the lines that runs with different seeds have left in FILE as one table.
"""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class FaultRow:
    """fault: what struck, and where. outcome: what came of it. seconds: from the strike until all was well again, None
    where nothing had to recover.
    """

    fault: str
    outcome: str
    seconds: float | None
    seed: int

    def append(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(self)) + "\n")


Note = Callable[[str, str, float | None], None]
"""Takes a row: fault, outcome, seconds."""


def read(file: Path) -> list[FaultRow]:
    return [FaultRow(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def markdown(rows: Iterable[FaultRow]) -> str:
    """A line for each fault, a column of seconds for each seed; of a seed that ran twice, the newer."""
    rows = list(rows)
    seeds = sorted({row.seed for row in rows})
    lines = ["| fault | outcome | " + " | ".join(f"seed {seed}, s" for seed in seeds) + " |"]
    lines.append("|---|---|" + "---:|" * len(seeds))
    for fault, outcome in dict.fromkeys((row.fault, row.outcome) for row in rows):
        found = (row for row in rows if (row.fault, row.outcome) == (fault, outcome))
        of = {row.seed: "-" if row.seconds is None else f"{row.seconds:.1f}" for row in found}
        lines.append(f"| {fault} | {outcome} | " + " | ".join(of.get(seed, "") for seed in seeds) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(read(Path(sys.argv[1]))))
