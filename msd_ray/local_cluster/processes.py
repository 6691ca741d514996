"""Processes, told from others that get the same number later; what descends from them, and how they are ended.

Read from /proc: Linux only.
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
    """started: clock ticks between the machine's start and the process's, field 22 of /proc/PID/stat."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it runs: a zombie, or another process of that number, is not it."""
        found = _stat(self.pid)
        return found is not None and found[1] == self.started

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def boot_id() -> str:
    """A name of the time since this machine started; process ids of another one mean nothing."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def process(pid: int) -> Process | None:
    """The process that has this number now."""
    found = _stat(pid)
    return None if found is None else Process(pid=pid, started=found[1])


def with_descendants(roots: Iterable[Process]) -> set[Process]:
    """Those of the processes that run, what they started, what that started, and so on."""
    table = {pid: stat for pid in _pids() if (stat := _stat(pid)) is not None}
    found = {root.pid for root in roots if root.alive}
    while more := {pid for pid, (parent, _) in table.items() if parent in found} - found:
        found |= more
    return {Process(pid=pid, started=table[pid][1]) for pid in found & table.keys()}


def with_variable(name: str, value: str) -> set[Process]:
    """Processes that were started with an environment variable: also those whose parents are gone."""
    wanted = f"{name}={value}".encode()
    found = set()
    for pid in _pids():
        with suppress(OSError):
            if wanted in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                one = process(pid)
                if one is not None:
                    found.add(one)
    return found


def end(members: Callable[[], set[Process]], number: int, wait_s: float) -> set[Process]:
    """Send a signal to processes and wait for their end; those that still run after `wait_s` seconds.

    members: asked again and again, for what they start meanwhile.
    """
    until = time.monotonic() + wait_s
    told: set[Process] = set()
    while left := {one for one in members() | told if one.alive}:
        for one in left - told:
            one.signal(number)
        told |= left
        if time.monotonic() > until:
            return left
        time.sleep(_POLL_S)
    return set()


def end_or_kill(members: Callable[[], set[Process]], wait_s: float) -> set[Process]:
    """SIGTERM and, after `wait_s` seconds, SIGKILL; those that still run after as many more."""
    left = end(members, signal.SIGTERM, wait_s)
    return end(lambda: left | members(), signal.SIGKILL, wait_s) if left else set()


def _pids() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdecimal()]


def _stat(pid: int) -> tuple[int, int] | None:
    """Parent and start of a process; None if there is none, or only what its parent has not asked for yet."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # a command's name, in brackets, may hold anything
    return None if fields[0] in "ZX" else (int(fields[1]), int(fields[19]))
