"""A search by the real command, whose trainings wait where a fault is to strike them."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from small_search import SmallSearch
from tune_process import TIMEOUT_S, Tune, is_dead

INSIDE = Path(__file__).with_name("inside")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A point in a search: before or after the checkpoint of an epoch of its `training`-th training (from 0).

    times: how often the training is held there; after that it passes.
    within: "within" for the checkpoint within the epoch, "resumed" for where a training goes on from it.
    """

    training: int
    epoch: int
    after: bool = False
    times: int = 1
    within: str = ""

    @property
    def key(self) -> str:
        return f"{self.training}-{self.epoch}-{self.within or ('after' if self.after else 'before')}"

    @property
    def back(self) -> "Place":
        """Where a training that was struck here comes by when it is back."""
        return Place(training=self.training, epoch=self.epoch + 1) if self.after else self

    @property
    def where(self) -> str:
        """For people."""
        return f"training {self.training}, epoch {self.epoch}, {'after' if self.after else 'before'} its checkpoint"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """name: for the table. strike: is given the process that waits at the place."""

    name: str
    place: Place
    strike: Callable[[int], None]


@dataclass(kw_only=True)
class DisturbedSearch:
    """Runs a search as `python -m msd_ray.tune` with faults; the same search may be run again to go on.

    places: where trainings are held. environment: of the command; RAY_ADDRESS names a cluster that was started with
    `INSIDE` among its modules, without it the command starts one.
    """

    search: SmallSearch
    places: tuple[Place, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    _runs: int = 0

    def __post_init__(self) -> None:
        self.chaos.mkdir()
        # Written last: a training looks for it.
        held = {place.key: place.times for place in self.places}
        passed = {place.back.key: 0 for place in self.places}
        (self.chaos / "plan.json").write_text(json.dumps({**passed, **held}))

    @property
    def storage(self) -> Path:
        return self.search.root

    @property
    def chaos(self) -> Path:
        return self.search.root.parent / "chaos"

    def start(self, *more: str) -> Tune:
        """The command; to be used as a context."""
        self._runs += 1
        log = self.search.root.parent / f"log-{self._runs}"
        return Tune([*self.search.arguments(), *more], log, modules=[INSIDE], environment=self.environment)

    def wait_at(self, tune: Tune, place: Place, times: int = 1) -> int:
        """Wait until the place was reached so many times; the process that is there."""
        tune.wait_until(lambda: len(self.reached(place)) >= times)
        return self.reached(place)[times - 1]

    def go_on(self, place: Place, do: str = "", times: int = 1) -> None:
        """Let the training go on, and have it do something first (see `inside/sitecustomize.py`)."""
        scratch = self.chaos / f"{place.key}.{times}.scratch"
        scratch.write_text(do)
        scratch.rename(self.chaos / f"{place.key}.{times}.go")

    def strike(self, tune: Tune, faults: "Sequence[Fault]") -> dict[str, float]:
        """Strike with each fault in the order of their places; the seconds until each training was back."""
        seconds = {}
        for fault in sorted(faults, key=lambda fault: fault.place.training):
            pid = self.wait_at(tune, fault.place)
            seconds[fault.name] = self.seconds_until_back(tune, fault.place, partial(fault.strike, pid))
            # What was struck is gone, and does not go on beside what took its place.
            wait_for(partial(is_dead, pid), f"the end of process {pid}")
        return seconds

    def seconds_until_back(self, tune: Tune, place: Place, strike: Callable[[], None]) -> float:
        """Strike while the training waits at the place; the seconds until it is back there."""
        before = len(self.reached(place.back))
        struck = time.monotonic()
        strike()
        tune.wait_until(lambda: len(self.reached(place.back)) > before)
        return time.monotonic() - struck

    def reached(self, place: Place) -> list[int]:
        """The processes that came to the place, in order."""
        file = self.chaos / f"{place.key}.reached"
        return [int(line) for line in file.read_text().split()] if file.exists() else []


Disturb = Callable[..., DisturbedSearch]
"""Makes a search on the suite's cluster: places, and options of the command."""


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> float:
    """Wait until the condition holds; for how many seconds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, what
        time.sleep(0.05)
    return time.monotonic() - started


def address_space(pid: int) -> int:
    """The size of the process's address space."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
