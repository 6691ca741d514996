"""Exclusive locks of a study and of the model registry: a file or object that the holder renews, its heartbeat.

    STORAGE/studies/NAME.holder   {"holder": ..., "host": ..., "machine": ..., "process": ..., "since": ...,
                                   "sha256": ...}
    STORE/registry.holder         the same, in object stores

Locks in an object store, and those of some network file systems, do not exclude drivers of other machines, or do not
end with their process. The holder therefore writes the object every `RENEW_S` seconds; if it is older than `STALE_S`
seconds by the storage's clock, its driver is dead and another one takes over. A dead driver of the same machine is
detected at once, but not by its host name: containers share that, and have process ids of their own. A driver that was
disconnected for longer than `STALE_S` seconds finds another name and stops.

Where nothing else excludes drivers, two that start within the same second both write, wait `SETTLE_S` seconds and read
the object: the one whose name it has continues. Where a file lock does too, nobody waits, as each search would start
later: if that lock does not exclude the other machine, both run until one of them renews, at most `RENEW_S` seconds.
"""

import json
import os
import socket
import sys
import threading
import time
import uuid
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import psutil

from msd_ray.common.errors import UserError, warn
from msd_ray.common.files import new_file
from msd_ray.common.manifest import DamagedError, parse_sealed, seal
from msd_ray.common.text import one_line

from .object_store import StoreError

RENEW_S, STALE_S, SETTLE_S, POLL_S = 20.0, 90.0, 2.0, 1.0
_BOOT, _NAMESPACE = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


class HeldError(UserError):
    """Another live process holds the lock."""


class LeasePlace(Protocol):
    """Where leases are: an object store, or `LeaseFiles`."""

    @property
    def uri(self) -> str:
        """For messages."""

    def read(self, name: str) -> bytes | None:
        """Content; None if it does not exist."""

    def write(self, name: str, content: bytes) -> None:
        """Write atomically."""

    def modified(self, name: str) -> float | None:
        """Modification time by the storage's clock, in Unix seconds; None if it does not exist."""

    def delete(self, name: str) -> None:
        """Delete it if it exists."""


class Renewable(Protocol):
    """A lock that ends unless its holder renews it."""

    def renew_until(self, stop: threading.Event) -> None:
        """Renew it until `stop` is set; interrupt the main thread if it is lost."""

    def release(self) -> None:
        """Give it up."""


@dataclass(frozen=True, kw_only=True)
class LeaseFiles:
    """The files of a directory as a place of leases; its clock is the file server's. Methods raise OSError."""

    root: Path

    @property
    def uri(self) -> str:
        """The directory."""
        return str(self.root)

    def read(self, name: str) -> bytes | None:
        """Content; None if it does not exist."""
        with suppress(FileNotFoundError):
            return (self.root / name).read_bytes()
        return None

    def write(self, name: str, content: bytes) -> None:
        """Write atomically."""
        with new_file(self.root / name) as scratch:
            scratch.write_bytes(content)

    def modified(self, name: str) -> float | None:
        """Modification time; None if it does not exist."""
        with suppress(FileNotFoundError):
            return (self.root / name).stat().st_mtime
        return None

    def delete(self, name: str) -> None:
        """Delete it if it exists."""
        (self.root / name).unlink(missing_ok=True)


@contextmanager
def study_lease(place: LeasePlace, name: str, *, only: bool = True) -> Iterator[None]:
    """Hold the study `name`.

    Args:
        place: where leases are.
        name: of the study.
        only: whether nothing else excludes other drivers. If a file lock does too, its former holder is probably dead:
            its heartbeat gets time to end, and no driver starts at the same time.

    Raises:
        HeldError: another driver holds it; the message names it.
        StoreError, OSError: the storage is unusable.
    """
    lease = _of_study(place, name)
    if not only:
        lease.await_end()
    lease.acquire(settle_s=SETTLE_S if only else 0.0)
    with renewed(lease):
        yield


@contextmanager
def registry_lease(place: LeasePlace) -> Iterator[None]:
    """Hold the lock of the model registry; wait while another process holds it. Raises StoreError."""
    lease = _Lease(place, "registry.holder", "the model registry")
    if (other := lease.live_other()) is not None:
        warn(f"the model registry is held by {_who(other)}. Waiting for it.")
    while True:
        try:
            lease.acquire(settle_s=SETTLE_S)
            break
        except HeldError:
            time.sleep(POLL_S)
    with renewed(lease):
        yield


def holder_of(place: LeasePlace, name: str) -> str:
    """The process that holds a study, in parentheses after a space; empty if it is not written yet."""
    other = _of_study(place, name).other()
    return "" if other is None else f" ({_who(other)})"


@contextmanager
def renewed(lock: Renewable) -> Iterator[None]:
    """Renew an acquired lock in a thread, and release it at exit."""
    stop = threading.Event()
    renewing = threading.Thread(target=lock.renew_until, args=(stop,), name="renews a lock", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()
        lock.release()


def _of_study(place: LeasePlace, name: str) -> "_Lease":
    return _Lease(place, f"studies/{name}.holder", f"the study {name}")


class _Lease:
    def __init__(self, place: LeasePlace, key: str, what: str) -> None:
        self._place, self._key, self._what = place, key, what
        self._mine = {
            "holder": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "machine": machine(),
            "process": os.getpid(),
            "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        }

    def await_end(self) -> None:
        """Wait until the lease of another driver expires, or is renewed, which `acquire` then reports."""
        other, written = self.other(), self._place.modified(self._key)
        if other is None or self._is_dead(other):
            return
        warn(f"{self._what} was held by {_who(other)}. Waiting for its heartbeat, at most {STALE_S:.0f} s.")
        while self._place.modified(self._key) == written and not self._is_dead(other):
            time.sleep(POLL_S)

    def acquire(self, *, settle_s: float) -> None:
        """Write our name, unless another live process holds the lock. Raises HeldError if one does."""
        self._check_free()
        self._write()
        if settle_s:
            time.sleep(settle_s)
            self._check_free()

    def renew_until(self, stop: threading.Event) -> None:
        """Renew the lease until `stop` is set; interrupt the main thread if another driver has taken over."""
        while not stop.wait(RENEW_S):
            try:
                other = self.other()
                if other is None:
                    self._write()
            except (StoreError, OSError) as error:
                # The lease survives until STALE_S; trials that need the storage fail by themselves.
                warn(f"the lease of {self._what} was not renewed: {error}")
                continue
            if other is not None:
                print(one_line(f"stopped: {self._what} was taken over by {_who(other)}"), file=sys.stderr)
                interrupt_main()
                return

    def release(self) -> None:
        """Delete the object, if it has our name."""
        try:
            if self.other() is None:
                self._place.delete(self._key)
        except (StoreError, OSError):
            pass  # it expires

    def _check_free(self) -> None:
        other = self.live_other()
        if other is not None:
            raise HeldError(
                f"another process is running {self._what} in {self._place.uri} ({_who(other)}); wait for it "
                f"(the lease of a dead process expires after {STALE_S:.0f} s), or choose another --name"
            )

    def live_other(self) -> dict[str, object] | None:
        """The holder, unless it is this process or dead."""
        other = self.other()
        return None if other is None or self._is_dead(other) else other

    def other(self) -> dict[str, object] | None:
        """The holder, unless it is this process; None if there is none or the object is damaged."""
        text = self._place.read(self._key)
        if text is None:
            return None
        try:
            found = parse_sealed(text, self._key)
        except DamagedError:
            return None
        return None if found.get("holder") == self._mine["holder"] else found

    def _is_dead(self, other: dict[str, object]) -> bool:
        process = other.get("process")
        here = other.get("machine") == self._mine["machine"]
        if here and isinstance(process, int) and not psutil.pid_exists(process):
            return True
        written = self._place.modified(self._key)
        now = self._clock()
        return written is None or now - written > STALE_S

    def _clock(self) -> float:
        """The storage's time, in Unix seconds; clocks of machines may differ from it."""
        probe = f"{self._key}.{self._mine['holder']}"
        self._place.write(probe, b"now")
        now = self._place.modified(probe)
        self._place.delete(probe)
        return time.time() if now is None else now

    def _write(self) -> None:
        text = json.dumps({**self._mine, "sha256": seal(self._mine)}, sort_keys=True)
        self._place.write(self._key, text.encode())


def machine() -> str:
    """What process ids are unique in: this start of the machine, and the namespace of a container's process ids."""
    try:
        return f"{_BOOT.read_text().strip()} {_NAMESPACE.readlink()}"
    except OSError:  # not Linux
        return socket.gethostname()


def _who(holder: dict[str, object]) -> str:
    return one_line(f"process {holder.get('process')} on {holder.get('host')}, since {holder.get('since')}")
