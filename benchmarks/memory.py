"""Peak memory of a command: the sum over its process and all descendants, sampled."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

EVERY_S = 5.0


@dataclass
class Peak:
    """The largest sum so far, in bytes. Memory that n processes share counts as 1 / n for each (PSS)."""

    size: int = 0


@contextmanager
def peak_memory(pid: int) -> Iterator[Peak]:
    """Sample the memory of a process and its descendants until the context ends."""
    peak, ended = Peak(), threading.Event()

    def sample() -> None:
        while True:
            peak.size = max(peak.size, _memory(pid))
            if ended.wait(EVERY_S):
                return

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _memory(pid: int) -> int:
    total = 0
    with suppress(psutil.NoSuchProcess):  # it has ended
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
    return total
