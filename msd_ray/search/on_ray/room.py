"""How many trials fit on machines. Imports no Ray."""

from collections.abc import Sequence
from dataclasses import dataclass

_UNITS = 10_000
"""Ray counts resources in units of 1/10,000."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """CPUs and GPUs of one machine."""

    cpus: float
    gpus: float


def workers_on(machine: Room, *, cpus: int, gpus: float) -> int:
    """Number of workers that fit on a machine; a share of a GPU is a share of a single GPU.

    Args:
        machine: the machine.
        cpus: of each worker.
        gpus: of each worker. 0.6 GPUs fit four times into four GPUs, not six times.
    """
    by_cpus = int(machine.cpus // cpus)
    if not gpus:
        return by_cpus
    if gpus < 1:
        return min(by_cpus, int(machine.gpus) * (_UNITS // round(_UNITS * gpus)))
    return min(by_cpus, int(machine.gpus // gpus))


def trials_that_fit(machines: Sequence[Room], *, workers: int, cpus: int, gpus: float) -> int:
    """Number of trials that run at once. A worker runs on one machine, a trial's `workers` may run on several."""
    return sum(workers_on(machine, cpus=cpus, gpus=gpus) for machine in machines) // max(workers, 1)
