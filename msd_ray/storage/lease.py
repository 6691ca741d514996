"""A study on an object store is held by one driver: a small object says by which, renewed as long as it lives.

    STORE/studies/NAME.holder   {"holder": ..., "host": ..., "process": ..., "since": ..., "sha256": ...}

An object store has no locks that end with their process, so the holder writes the object again every `RENEW_S` seconds;
one that is older than `STALE_S`, by the store's own clock, is of a driver that is gone, and is taken over. A driver of
this machine whose process has ended is known to be gone at once. Two drivers that start within the same second both
write, wait `SETTLE_S`, and look whose name stands there. A driver that was cut off for longer than `STALE_S` finds
another name when it is back, and ends.
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

from msd_ray.common.errors import UserError, warn
from msd_ray.common.manifest import DamagedError, parse_sealed, seal
from msd_ray.common.text import one_line

from .object_store import ObjectStore, StoreError

RENEW_S, STALE_S, SETTLE_S = 20.0, 90.0, 2.0


@contextmanager
def held_study(store: ObjectStore, name: str) -> Iterator[None]:
    """Hold the study `name`. Raises UserError if another driver does, and says which; StoreError."""
    lease = _Lease(store, f"studies/{name}.holder", name)
    lease.take()
    stop = threading.Event()
    renewing = threading.Thread(target=lease.renew_until, args=(stop,), name="study's holder", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()
        lease.give_back()


class _Lease:
    def __init__(self, store: ObjectStore, key: str, study: str) -> None:
        self._store, self._key, self._study = store, key, study
        self._mine = {
            "holder": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "since": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        }

    def take(self) -> None:
        """Write our name, if no living driver's stands there."""
        self._refuse_if_held()
        self._write()
        time.sleep(SETTLE_S)
        self._refuse_if_held()

    def renew_until(self, stop: threading.Event) -> None:
        """Write our name again and again; end this process's search where another's stands there."""
        while not stop.wait(RENEW_S):
            try:
                other = self._other()
                if other is None:
                    self._write()
            except StoreError as error:
                # Whoever trains notices too, and fails; a moment's silence loses nothing.
                warn(f"the study {self._study} cannot be held: {error}")
                continue
            if other is not None:
                print(one_line(f"stopped: the study {self._study} was taken over by {_who(other)}"), file=sys.stderr)
                interrupt_main()
                return

    def give_back(self) -> None:
        """Delete our name."""
        try:
            if self._other() is None:
                self._store.delete(self._key)
        except StoreError:
            pass  # it gets stale

    def _refuse_if_held(self) -> None:
        other = self._other()
        if other is not None and not self._is_gone(other):
            raise UserError(
                f"another process is running the study {self._study} in {self._store.uri} ({_who(other)}); wait for it "
                f"(one that has died is forgotten after {STALE_S:.0f} s), or give another --name"
            )

    def _other(self) -> dict[str, object] | None:
        """Whose name stands there, if it is not ours."""
        text = self._store.read(self._key)
        if text is None:
            return None
        try:
            found = parse_sealed(text, self._key)
        except DamagedError:
            return None
        return None if found.get("holder") == self._mine["holder"] else found

    def _is_gone(self, other: dict[str, object]) -> bool:
        if other.get("host") == self._mine["host"] and isinstance(other.get("process"), int):
            try:
                os.kill(int(str(other["process"])), 0)
            except ProcessLookupError:
                return True
            except PermissionError:
                pass
        written = self._store.modified(self._key)
        now = self._clock()
        return written is None or now - written > STALE_S

    def _clock(self) -> float:
        """What time the store has: another machine's clock is not asked."""
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
