"""The faults that strike a process of a disturbed search, each in a function: what is done, to which process."""

import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

from disturbed_search import address_space
from tune_process import descendants_of, parent_of, pids_titled

TRIAL = "ray::ImplicitFunc"
MEBIBYTE = 1 << 20


def kill(pid: int) -> None:
    """It dies at once, and cannot say anything."""
    os.kill(pid, signal.SIGKILL)


def kill_trial(cluster: int) -> None:
    """Kill the processes of Tune's trials below this one; Ray Train's workers are others, and are not killed by us."""
    trials = pids_titled(descendants_of(cluster), TRIAL)
    assert trials
    for pid in trials:
        kill(pid)


def stop(pid: int) -> None:
    """It does nothing any more, and lives."""
    os.kill(pid, signal.SIGSTOP)


def kill_node(worker: int) -> None:
    """Kill the Ray node that this worker is of: its raylet and all that it started, workers and agents."""
    raylet = parent_of(worker)
    assert Path(f"/proc/{raylet}/comm").read_text().strip() == "raylet"
    for pid in (raylet, *descendants_of(raylet)):
        with suppress(ProcessLookupError):
            kill(pid)


def limit_memory(pid: int) -> None:
    """It gets no more than 256 MiB from now on, beside what it has."""
    limit = address_space(pid) + 256 * MEBIBYTE
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def waits_for_lock(pid: int, directory: Path) -> bool:
    """Whether the process opens a lock file below the directory within a second.

    One that waits tries anew many times a second, and has the file open for no longer than that takes: hence no pause.
    """
    until = time.monotonic() + 1
    while time.monotonic() < until:
        if _has_lock_open(pid, directory):
            return True
    return False


def _has_lock_open(pid: int, directory: Path) -> bool:
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                file = descriptor.readlink()
                if file.suffix == ".lock" and file.is_relative_to(directory):
                    return True
    return False
