"""Finds and terminates processes and their descendants; safe against reused process ids. Linux only (/proc).

A state file identifies a process by its id and start time. psutil is not used: its start times change with the system
clock, so that a later command would take a running server for a dead one.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process. started: start time in clock ticks since boot, field 22 of /proc/PID/stat."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it is running: not a zombie, and not a later process with the same id."""
        found = _stat(self.pid)
        return found is not None and found[1] == self.started

    def signal(self, number: int) -> None:
        """Send a signal, if the process is running."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def boot_id() -> str:
    """Identifier of the current boot; process ids of other boots are meaningless."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def process(pid: int) -> Process | None:
    """The process with this id, None if there is none."""
    found = _stat(pid)
    return None if found is None else Process(pid=pid, started=found[1])


def with_descendants(roots: Iterable[Process]) -> set[Process]:
    """The running processes among `roots`, and all their descendants."""
    table = {pid: stat for pid in _pids() if (stat := _stat(pid)) is not None}
    found = {root.pid for root in roots if root.alive}
    while more := {pid for pid, (parent, _) in table.items() if parent in found} - found:
        found |= more
    return {Process(pid=pid, started=table[pid][1]) for pid in found & table.keys()}


def with_variable(name: str, value: str) -> set[Process]:
    """Processes started with an environment variable, including orphans."""
    wanted = f"{name}={value}".encode()
    found = set()
    for pid in _pids():
        with suppress(OSError):
            if wanted in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                one = process(pid)
                if one is not None:
                    found.add(one)
    return found


def terminate(members: Callable[[], set[Process]], number: int, wait_s: float) -> set[Process]:
    """Send a signal to processes and wait for them to exit.

    Args:
        members: called repeatedly, so that processes started in the meantime are included.
        number: the signal.
        wait_s: timeout in seconds.

    Returns:
        The processes that are still running.
    """
    deadline = time.monotonic() + wait_s
    signalled: set[Process] = set()
    while left := {one for one in members() | signalled if one.alive}:
        for one in left - signalled:
            one.signal(number)
        signalled |= left
        if time.monotonic() > deadline:
            return left
        time.sleep(_POLL_S)
    return set()


def terminate_or_kill(members: Callable[[], set[Process]], wait_s: float) -> set[Process]:
    """Send SIGTERM and, after `wait_s` seconds, SIGKILL. Returns what still runs after another `wait_s` seconds."""
    left = terminate(members, signal.SIGTERM, wait_s)
    return terminate(lambda: left | members(), signal.SIGKILL, wait_s) if left else set()


def _pids() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdecimal()]


def _stat(pid: int) -> tuple[int, int] | None:
    """Parent id and start time of a process; None if it does not exist or is a zombie."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the command name, in parentheses, may contain any character
    return None if fields[0] in "ZX" else (int(fields[1]), int(fields[19]))
