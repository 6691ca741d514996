"""Exclusive locks in an object store, of a study and of the model registry: an object that the holder renews.

    STORE/studies/NAME.holder   {"holder": ..., "host": ..., "process": ..., "since": ..., "sha256": ...}
    STORE/registry.holder       the same

Locks in an object store do not end with their process. The holder therefore writes the object every `RENEW_S` seconds;
if it is older than `STALE_S` seconds by the store's clock, its driver is dead and another one takes over. A dead driver
of the same machine is detected at once. Two drivers that start within the same second both write, wait `SETTLE_S`
seconds and read the object: the one whose name it has continues. A driver that was disconnected for longer than
`STALE_S` seconds finds another name and stops.
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
from contextlib import contextmanager
from datetime import UTC, datetime

import psutil

from msd_ray.common.errors import UserError, warn
from msd_ray.common.manifest import DamagedError, parse_sealed, seal
from msd_ray.common.text import one_line

from .object_store import ObjectStore, StoreError

RENEW_S, STALE_S, SETTLE_S = 20.0, 90.0, 2.0
POLL_S = 1.0
"""Seconds between two attempts to acquire the registry's lock."""


class HeldError(UserError):
    """Another live process holds the lock."""


@contextmanager
def study_lease(store: ObjectStore, name: str) -> Iterator[None]:
    """Hold the study `name`.

    Raises:
        UserError: another driver holds it; the message names it.
        StoreError: the object store is unusable.
    """
    lease = _Lease(store, f"studies/{name}.holder", f"the study {name}")
    lease.acquire()
    with _renewed(lease):
        yield


@contextmanager
def registry_lease(store: ObjectStore) -> Iterator[None]:
    """Hold the lock of the model registry; wait while another process holds it. Raises StoreError."""
    lease = _Lease(store, "registry.holder", "the model registry")
    while True:
        try:
            lease.acquire()
            break
        except HeldError:
            time.sleep(POLL_S)
    with _renewed(lease):
        yield


@contextmanager
def _renewed(lease: "_Lease") -> Iterator[None]:
    """Renew an acquired lease in a thread, and release it at exit."""
    stop = threading.Event()
    renewing = threading.Thread(target=lease.renew_until, args=(stop,), name="renews a lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()
        lease.release()


class _Lease:
    def __init__(self, store: ObjectStore, key: str, what: str) -> None:
        self._store, self._key, self._what = store, key, what
        self._mine = {
            "holder": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        }

    def acquire(self) -> None:
        """Write our name, unless another live process holds the lock. Raises HeldError if one does."""
        self._check_free()
        self._write()
        time.sleep(SETTLE_S)
        self._check_free()

    def renew_until(self, stop: threading.Event) -> None:
        """Renew the lease until `stop` is set; interrupt the main thread if another driver has taken over."""
        while not stop.wait(RENEW_S):
            try:
                other = self._other()
                if other is None:
                    self._write()
            except StoreError as error:
                # The lease survives until STALE_S; trials that need the object store fail by themselves.
                warn(f"the lease of {self._what} was not renewed: {error}")
                continue
            if other is not None:
                print(one_line(f"stopped: {self._what} was taken over by {_who(other)}"), file=sys.stderr)
                interrupt_main()
                return

    def release(self) -> None:
        """Delete the object, if it has our name."""
        try:
            if self._other() is None:
                self._store.delete(self._key)
        except StoreError:
            pass  # it expires

    def _check_free(self) -> None:
        other = self._other()
        if other is not None and not self._is_dead(other):
            raise HeldError(
                f"another process is running {self._what} in {self._store.uri} ({_who(other)}); wait for it "
                f"(the lease of a dead process expires after {STALE_S:.0f} s), or choose another --name"
            )

    def _other(self) -> dict[str, object] | None:
        """The holder, unless it is this process; None if there is none or the object is damaged."""
        text = self._store.read(self._key)
        if text is None:
            return None
        try:
            found = parse_sealed(text, self._key)
        except DamagedError:
            return None
        return None if found.get("holder") == self._mine["holder"] else found

    def _is_dead(self, other: dict[str, object]) -> bool:
        process = other.get("process")
        if other.get("host") == self._mine["host"] and isinstance(process, int) and not psutil.pid_exists(process):
            return True
        written = self._store.modified(self._key)
        now = self._clock()
        return written is None or now - written > STALE_S

    def _clock(self) -> float:
        """The store's time, in Unix seconds; clocks of machines may differ from it."""
        probe = f"{self._key}.{self._mine['holder']}"
        self._store.write(probe, b"now")
        now = self._store.modified(probe)
        self._store.delete(probe)
        return time.time() if now is None else now

    def _write(self) -> None:
        text = json.dumps({**self._mine, "sha256": seal(self._mine)}, sort_keys=True)
        self._store.write(self._key, text.encode())


def _who(holder: dict[str, object]) -> str:
    return one_line(f"process {holder.get('process')} on {holder.get('host')}, since {holder.get('since')}")
