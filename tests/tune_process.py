"""`python -m msd_ray.tune` as a process of its own, with all that it starts: watched, killed, and its sockets."""

import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

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
    inodes = {inode for pid in pids for inode in _sockets(pid)}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:  # LISTEN
                address, port = fields[1].split(":")
                found.add((str(_address(address)), int(port, 16)))
    return found


def descendants_of(first: int, *more: int) -> set[int]:
    """The living processes that these started, and those that they started; not `first` itself."""
    parents = dict(_parents())
    found = {first, *more}
    while children := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= children
    return (found & parents.keys()) - {first}


def pids_titled(pids: Iterable[int], title: str) -> list[int]:
    """Those processes whose title begins with this, as Ray's do: `ray::` and the actor's class."""
    found = []
    for pid in sorted(pids):
        with suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_text().startswith(title):
                found.append(pid)
    return found


def is_dead(pid: int) -> bool:
    """Whether there is no such process, or but a zombie."""
    return pid not in dict(_parents())


def parent_of(pid: int) -> int:
    """The process that started it."""
    return dict(_parents())[pid]


def is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _parents() -> Iterator[tuple[int, int]]:
    """Every process that is no zombie, and its parent."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                yield int(path.name), int(parent)


def _sockets(pid: int) -> Iterator[str]:
    """The inodes of a process's sockets."""
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    yield target.removeprefix("socket:[").removesuffix("]")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as /proc/net writes it: words of 32 bits in the machine's byte order."""
    words = [bytes.fromhex(text[i : i + 8])[::-1] for i in range(0, len(text), 8)]
    return ipaddress.ip_address(b"".join(words))
