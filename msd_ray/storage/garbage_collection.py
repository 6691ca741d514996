"""What of a storage nobody needs any more, and its removal.

A thing goes when every study that has used it has ended, and no registered student comes from it. The students of
trials that a study stopped early go before its end. Whatever is asked for later is made again under the same key: from
the same settings, to the same weights.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from filelock import FileLock, Timeout
from pyarrow import fs

from msd_ray.common.manifest import MANIFEST, remove
from msd_ray.method.checkpoints import RECORD

from .inventory import Thing, days
from .layout import Storage
from .uses import USES, Uses, uses_of

RECENT_S = 3600.0
"""A search that has just begun may not have said yet what it uses."""
SCRATCH_DAYS = 1.0
TRAININGS = ("teachers", "students")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What may go. studies: only what these alone have used; all of them if empty. older_than: days since it was used.

    unknown_older_than: days after which also goes what no study is known to use; None keeps it.
    finished: by study, whether it has ended. held: studies that a driver holds, or with records that wait.
    stopped: by study that is open, the students of trials that it stopped early.
    needed: by thing, what was made from it.
    """

    finished: Mapping[str, bool]
    held: frozenset[str] = frozenset()
    stopped: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needed: Mapping[str, str]
    studies: frozenset[str] = frozenset()
    older_than: float = 0.0
    unknown_older_than: float | None = None

    def state(self, study: str) -> str:
        """A study's, for people."""
        if study in self.held:
            return "running"
        return {True: "finished", False: "open", None: "not in MLflow"}[self.finished.get(study)]

    def needs(self, study: str, thing: str) -> bool:
        """Whether a study that has used the thing will ask for it again when it goes on."""
        state = self.state(study)
        return state != "finished" and not (state == "open" and thing in self.stopped.get(study, ()))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """studies: that have used the thing. keep: why it stays; None: it may go."""

    thing: Thing
    studies: tuple[str, ...]
    used: float
    keep: str | None


def decide(thing: Thing, uses: Uses, rules: Rules, now: float | None = None) -> Decision:
    """Whether a thing may go."""
    of_thing = uses.of(thing.name)
    used = max([thing.changed, *of_thing.values()])
    now = time.time() if now is None else now
    return Decision(
        thing=thing, studies=tuple(sorted(of_thing)), used=used, keep=_reason(thing, of_thing, used, rules, now)
    )


def _reason(thing: Thing, uses: Mapping[str, float], used: float, rules: Rules, now: float) -> str | None:
    age = days(used, now)
    if thing.scratch:
        return None if age >= max(SCRATCH_DAYS, rules.older_than) and not rules.studies else "is perhaps being written"
    if thing.kind == "models":
        return "an exported student"
    if thing.name in rules.needed:
        return f"{rules.needed[thing.name]} was made from it"
    if not uses:
        if rules.unknown_older_than is None or age < rules.unknown_older_than or rules.studies:
            return "no study is known to use it"
        return None
    if needing := [f"{study} ({rules.state(study)})" for study in sorted(uses) if rules.needs(study, thing.name)]:
        return f"used by {', '.join(needing)}"
    if rules.studies and (others := sorted(uses.keys() - rules.studies)):
        return f"shared with {', '.join(others)}"
    if age * 86400 < RECENT_S:
        return "used within the last hour"
    return "used lately" if age < rules.older_than else None


def prune(storage: Storage, filesystem: fs.FileSystem, decision: Decision, uses: Uses) -> bool:
    """Remove a thing that may go; False if it is in use meanwhile: by who holds its lock, by a study that has turned to
    it since `uses`, or by one of its studies that a driver holds now. Raises OSError, StoreError.

    What makes it a thing goes first, so that no one takes the rest for one.
    """
    thing, path = decision.thing, storage.root / decision.thing.name
    try:
        with FileLock(path.with_name(path.name + ".lock"), timeout=0):
            if uses_of(filesystem, thing.name, uses.studies) != dict(uses.of(thing.name)):
                return False
            if held_studies(storage, decision.studies):
                return False
            if storage.store is not None:
                storage.store.delete(f"{thing.name}/{RECORD if thing.kind in TRAININGS else MANIFEST}")
                filesystem.delete_dir(thing.name)
            remove(path)
            for study in decision.studies:
                filesystem.delete_file(f"{USES}/{study}/{thing.name}")
    except Timeout:
        return False
    return True


def held_studies(storage: Storage, studies: Iterable[str]) -> frozenset[str]:
    """Those of the studies; nothing is waited for. Raises OSError, StoreError."""
    return frozenset(study for study in studies if storage.records(study).exists() or _is_held(storage, study))


def _is_held(storage: Storage, study: str) -> bool:
    """Of an object store's, one whose holder has died counts for as long as its name stands there.

    So does one whose lock is another user's, and cannot be tried.
    """
    if storage.store is not None and storage.store.modified(f"studies/{study}.holder") is not None:
        return True
    lock = storage.root / "studies" / f"{study}.lock"
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return lock.with_suffix(".holder").exists()
