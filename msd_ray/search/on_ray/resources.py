"""Resources of a trial, and how many trials fit on machines. Imports no Ray."""

from collections.abc import Sequence
from dataclasses import dataclass

UNITS = 10_000
"""Ray counts resources in units of 1/10,000."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Resources of a trial.

    Args:
        workers: Ray Train workers; 0: the trial trains in its own process.
        cpus: CPUs of each worker.
        gpus: GPUs of each worker, may be a fraction.
        concurrent: trials at once; None: as many as fit.
    """

    workers: int = 1
    cpus: int = 1
    gpus: float = 0.0
    concurrent: int | None = None

    @property
    def processes(self) -> int:
        """Number of processes that train: the workers, or the trial's own."""
        return max(self.workers, 1)


@dataclass(frozen=True, kw_only=True)
class Room:
    """CPUs and GPUs of one machine."""

    cpus: float
    gpus: float


def workers_per_gpu(share: float) -> int:
    """Number of workers that share one GPU; share: what each of them takes, less than 1."""
    return UNITS // max(round(UNITS * share), 1)


def workers_on(machine: Room, resources: Resources) -> int:
    """Number of workers that fit on a machine.

    A share of a GPU is a share of a single GPU: 0.6 GPUs fit four times into four GPUs, not six times.
    """
    by_cpus, gpus = int(machine.cpus // resources.cpus), resources.gpus
    if not gpus:
        return by_cpus
    if gpus < 1:
        return min(by_cpus, int(machine.gpus) * workers_per_gpu(gpus))
    return min(by_cpus, int(machine.gpus // gpus))


def trials_that_fit(machines: Sequence[Room], resources: Resources) -> int:
    """Number of trials that run at once. A worker runs on one machine, the workers of a trial may run on several."""
    return sum(workers_on(machine, resources) for machine in machines) // resources.processes
