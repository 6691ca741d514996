"""Read by every Python process of a disturbed search as it starts: holds trainings where a fault is to strike them.

A training that reaches a place of the search's plan (STORAGE/../chaos/plan.json, written by `disturbed_search`) says
so and waits, so that the fault strikes there and nowhere else, however fast the machine is. The place is a training, by
its order in the search, an epoch, and whether that epoch's checkpoint is written yet. What strikes comes from outside;
what only the process itself can do, it is told to do when it may go on.

With CHAOS_CLOCK=FILE, the clock of these processes is off by as many seconds as the file says.
"""

import fcntl
import importlib.abc
import importlib.util
import json
import os
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKPOINTS = "msd_ray.method.checkpoints"
MEBIBYTE = 1 << 20


def pass_gate(training: Path, epoch: int, place: str, weights: dict[str, Any]) -> None:
    """Wait here if the plan says so. training: its directory in the storage."""
    chaos = training.parent.parent.parent / "chaos"
    plan = chaos / "plan.json"
    if not plan.exists():
        return
    key = f"{_order(chaos / 'trainings', training.name)}-{epoch}-{place}"
    times: int | None = json.loads(plan.read_text()).get(key)
    if times is None:
        return
    with (chaos / f"{key}.reached").open("a+") as reached:
        fcntl.flock(reached, fcntl.LOCK_EX)
        reached.write(f"{os.getpid()}\n")
        reached.seek(0)
        number = len(reached.readlines())
    if number > times:
        return
    go = chaos / f"{key}.{number}.go"
    while not go.exists():
        time.sleep(0.02)
    do = go.read_text()
    if do == "use all memory":
        held: list[bytearray] = []
        try:
            while True:
                held.append(bytearray(16 * MEBIBYTE))
        except MemoryError:
            held.clear()  # or it could not even say so
            raise
    elif do == "poison":
        next(iter(weights.values())).fill_(float("nan"))


def _order(file: Path, name: str) -> int:
    """Which training of the search this is, in the order in which they first came here."""
    with file.open("a+") as known:
        fcntl.flock(known, fcntl.LOCK_EX)
        known.seek(0)
        names = known.read().split()
        if name not in names:
            names.append(name)
            known.write(f"{name}\n")
        return names.index(name)


def add_gates(checkpoints: ModuleType) -> None:
    """Before and after each commit of an epoch, after one within an epoch, and where a training goes on from that."""
    commit = checkpoints.TrainingDirectory.commit
    commit_within, load_within = (
        checkpoints.TrainingDirectory.commit_within_epoch,
        checkpoints.TrainingDirectory.load_state_within_epoch,
    )

    def gated(self: Any, record: Any, weights: dict[str, Any], state: dict[str, Any]) -> None:
        pass_gate(self.path, record.last, "before", weights)
        commit(self, record, weights, state)
        pass_gate(self.path, record.last, "after", weights)

    def gated_within(self: Any, record: Any, state: dict[str, Any]) -> None:
        commit_within(self, record, state)
        pass_gate(self.path, record.last + 1, "within", {})

    def gated_load(self: Any) -> Any:
        pass_gate(self.path, self.record().last + 1, "resumed", {})
        return load_within(self)

    checkpoints.TrainingDirectory.commit = gated
    checkpoints.TrainingDirectory.commit_within_epoch = gated_within
    checkpoints.TrainingDirectory.load_state_within_epoch = gated_load


class _OnImport(importlib.abc.MetaPathFinder):
    """Adds the gates to the module once it is imported, if it is: most of Ray's processes never do."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != CHECKPOINTS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        run = spec.loader.exec_module

        def run_and_add(module: ModuleType) -> None:
            run(module)
            add_gates(module)

        spec.loader.exec_module = run_and_add  # type: ignore[method-assign]
        return spec


def move_clock(file: Path) -> None:
    """Let `time.time` and `time.time_ns` be off by what the file says at each call."""
    seconds, nanoseconds = time.time, time.time_ns

    def offset() -> int:
        try:
            return int(file.read_text() or 0)
        except FileNotFoundError:
            return 0

    time.time = lambda: seconds() + offset()
    time.time_ns = lambda: nanoseconds() + offset() * 1_000_000_000


sys.meta_path.insert(0, _OnImport())
if "CHAOS_CLOCK" in os.environ:
    move_clock(Path(os.environ["CHAOS_CLOCK"]))
