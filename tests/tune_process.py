"""`python -m msd_ray.tune` as a process of its own, with all that it starts: watched, killed, and its sockets."""

import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import psutil

TIMEOUT_S = 900.0
TESTS = Path(__file__).parent


class Tune:
    """A command that runs in a session of its own; its output goes to a file. `with` leaves nothing of it alive."""

    def __init__(
        self,
        arguments: list[str],
        log: Path,
        program: Sequence[str] = ("-m", "msd_ray.tune"),
        *,
        modules: Sequence[Path] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """modules: directories to import from first. environment: variables beside this process's."""
        self.log = log
        self._descendants: set[int] = set()
        # What these tests share lies beside this file; a program of theirs finds it there, too.
        path = os.pathsep.join(str(directory) for directory in (*modules, TESTS.parent, TESTS, TESTS / "search"))
        variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": path}
        variables.pop("RAY_ADDRESS", None)
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *program, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**variables, **environment},
                start_new_session=True,
            )

    def __enter__(self) -> "Tune":
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
        """Until the condition holds. The command must still run by then."""
        until = time.monotonic() + timeout_s
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < until, self.output
            time.sleep(0.05)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """The exit code."""
        return self.process.wait(timeout_s)

    def descendants(self) -> set[int]:
        """The processes that it started, and those that they started, now or when this was asked before."""
        self._descendants = descendants_of(self.process.pid, *self._descendants)
        return set(self._descendants)

    def kill(self) -> None:
        """SIGKILL to all of them."""
        if self.process.poll() is None:
            self.descendants()
            self.process.kill()
            self.process.wait()
        for pid in self.descendants():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 30
        while self.descendants() and time.monotonic() < until:
            time.sleep(0.05)

    def listens_on(self) -> set[str]:
        """The addresses of all listening TCP sockets of these processes."""
        return {address for address, _ in listening({self.process.pid, *self.descendants()})}


def listening(pids: Iterable[int]) -> set[tuple[str, int]]:
    """Address and port of every listening TCP socket of these processes."""
    found = set()
    for pid in pids:
        with suppress(psutil.Error):
            sockets = psutil.Process(pid).net_connections(kind="tcp")
            found |= {(one.laddr.ip, one.laddr.port) for one in sockets if one.status == psutil.CONN_LISTEN}
    return found


def descendants_of(first: int, *more: int) -> set[int]:
    """The running descendants of these processes, without `first`."""
    parents = _parents()
    found = {first, *more}
    while children := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= children
    return (found & parents.keys()) - {first}


def pids_titled(pids: Iterable[int], title: str) -> list[int]:
    """Those processes whose title begins with this, as Ray's do: `ray::` and the actor's class."""
    return [pid for pid in sorted(pids) if command_line(pid).startswith(title)]


def command_line(pid: int) -> str:
    """The arguments of a process, or its title, joined by spaces; empty if it has exited."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def is_dead(pid: int) -> bool:
    """Whether there is no such process, or it is a zombie."""
    return pid not in _parents()


def parent_of(pid: int) -> int:
    """The process that started it."""
    return _parents()[pid]


def is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _parents() -> dict[int, int]:
    """Every process except zombies, with its parent."""
    processes = psutil.process_iter(["ppid", "status"])
    return {one.pid: one.info["ppid"] for one in processes if one.info["status"] != psutil.STATUS_ZOMBIE}
