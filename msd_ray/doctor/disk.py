"""Free space of the storage, against the size of checkpoints, and of the directory for temporary files."""

from collections.abc import Iterator
from dataclasses import dataclass

from .finding import Finding, failed, passed, warned

NAME = "disk space"
FOR_COPIES = "set MSD_RAY_CACHE to a directory with more (on a node, before Ray is started there)"
"""Advice: another place for a node's copies of an object store."""
BASE_CHECKPOINT = 255_000_000
"""Bytes of nine layers of BERT base in fp32, assumed if the encoder is not loaded."""
TEMPORARY_BYTES = 1_000_000_000
"""Ray spills objects and writes logs there, and warns at 95 % of the file system."""


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """Upper bounds for a search. checkpoint: bytes of the trained parameters; epochs: per training."""

    checkpoint: int
    epochs: int
    teachers: int
    students: int

    @property
    def epoch(self) -> int:
        """Bytes of one epoch: weights and AdamW's two moments."""
        return 3 * self.checkpoint

    @property
    def all(self) -> int:
        """Bytes of all trainings. A teacher keeps weights of all epochs, a student those that two dev sets select."""
        return self.checkpoint * (self.teachers * (self.epochs + 2) + self.students * 5)


def storage_space(
    where: str, free: int | None, trainings: Trainings, *, elsewhere: str = "give another --storage"
) -> Finding:
    """Compare free space with the checkpoints of all trainings; other artifacts are small.

    elsewhere: advice that names another place.
    """
    if free is None:
        return warned(NAME, f"free space of {where} is unknown", "check that it is readable from here")
    seen = f"{where} has {size(free)} free"
    if free < trainings.epoch:
        return failed(
            NAME,
            f"{seen}, the checkpoint of one epoch takes {size(trainings.epoch)}",
            f"free some space, or {elsewhere}",
        )
    seen = f"{seen}, checkpoints of all trainings take up to {size(trainings.all)}"
    if free < trainings.all:
        return warned(NAME, seen, f"free some space, {elsewhere}, or ask for fewer --trials or --seeds")
    return passed(NAME, seen)


def temporary_space(where: str, free: int, *, least: int = TEMPORARY_BYTES) -> Iterator[Finding]:
    """Warn of too little space for temporary files."""
    if free < least:
        yield warned(
            NAME,
            f"{where}, for temporary files, has {size(free)} free: Ray spills objects and writes logs there",
            "free some space there, or set TMPDIR before Ray is started (`ray start --temp-dir`)",
        )


def size(count: int) -> str:
    """Bytes in a readable unit, such as `1.5 GB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}" if count < 999.5 * factor else f"{count / factor:.0f} {unit}"
    return f"{count / 1e3:.3g} kB"
