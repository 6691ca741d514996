"""Garbage collection: which artifacts of a storage can be removed, and their removal.

An artifact can be removed when every study that uses it has ended and no registered student depends on it. Students of
pruned trials can be removed before their study ends. A removed artifact is created again when it is needed, under the
same key, from the same settings, with the same weights.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from filelock import FileLock, Timeout
from pyarrow import fs

from msd_ray.common.manifest import MANIFEST, remove
from msd_ray.method.checkpoints import RECORD

from .inventory import ArtifactInfo
from .layout import Storage
from .uses import USES, Uses, uses_of

RECENT_S = 3600.0
"""A search that has just started may not have recorded its uses yet."""
INCOMPLETE_DAYS = 1.0
TRAININGS = ("teachers", "students")


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """What determines whether an artifact is retained.

    Attributes:
        finished: by study, whether it has ended.
        active: studies with a running driver, or with records pending for MLflow.
        pruned: by open study, the students of its pruned trials.
        dependents: by artifact, what depends on it.
        studies: remove only artifacts that no other studies use; empty: no restriction.
        older_than: remove only artifacts that were not used for so many days.
        unknown_older_than: also remove artifacts of this age in days without a recorded use; None retains them.
    """

    finished: Mapping[str, bool]
    active: frozenset[str] = frozenset()
    pruned: Mapping[str, frozenset[str]] = field(default_factory=dict)
    dependents: Mapping[str, str]
    studies: frozenset[str] = frozenset()
    older_than: float = 0.0
    unknown_older_than: float | None = None

    def state(self, study: str) -> str:
        """State of a study: running, finished, open or not in MLflow."""
        if study in self.active:
            return "running"
        return {True: "finished", False: "open", None: "not in MLflow"}[self.finished.get(study)]

    def requires(self, study: str, artifact: str) -> bool:
        """Whether a study that uses the artifact will read it again when it resumes."""
        state = self.state(study)
        return state != "finished" and not (state == "open" and artifact in self.pruned.get(study, ()))


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Whether an artifact is retained.

    Attributes:
        studies: studies that use it.
        used: time of the last use, in Unix seconds.
        reason: why it is retained; None if it can be removed.
    """

    artifact: ArtifactInfo
    studies: tuple[str, ...]
    used: float
    reason: str | None


def retention(artifact: ArtifactInfo, uses: Uses, policy: RetentionPolicy, now: float | None = None) -> Retention:
    """Apply the policy to an artifact. now: Unix seconds, default the current time."""
    studies = uses.of(artifact.name)
    used = max([artifact.modified, *studies.values()])
    age_days = max(0.0, ((time.time() if now is None else now) - used) / 86400)
    reason = _reason(artifact, studies.keys(), age_days, policy)
    return Retention(artifact=artifact, studies=tuple(sorted(studies)), used=used, reason=reason)


def _reason(artifact: ArtifactInfo, users: Iterable[str], age_days: float, policy: RetentionPolicy) -> str | None:
    """Why the artifact is retained; None if it can be removed. users: studies that use it."""
    studies = sorted(users)
    if artifact.incomplete:
        expired = age_days >= max(INCOMPLETE_DAYS, policy.older_than) and not policy.studies
        return None if expired else "may still be written"
    if artifact.kind == "models":
        return "an exported student"
    if artifact.name in policy.dependents:
        return f"{policy.dependents[artifact.name]} depends on it"
    if not studies:
        if policy.unknown_older_than is None or age_days < policy.unknown_older_than or policy.studies:
            return "no study is recorded as using it"
        return None
    if requiring := [f"{study} ({policy.state(study)})" for study in studies if policy.requires(study, artifact.name)]:
        return f"used by {', '.join(requiring)}"
    if policy.studies and (others := [study for study in studies if study not in policy.studies]):
        return f"shared with {', '.join(others)}"
    if age_days * 86400 < RECENT_S:
        return "used within the last hour"
    return "used recently" if age_days < policy.older_than else None


def collect(storage: Storage, filesystem: fs.FileSystem, unused: Retention, uses: Uses) -> bool:
    """Remove an artifact, unless it came into use after it was listed.

    The completion marker is removed first, so that a partly removed artifact is never taken for a complete one.

    Args:
        unused: the artifact, with reason None.
        uses: the uses from which `unused` was computed.

    Returns:
        Whether it was removed. False if its lock is held, a study has used it since, or one of its studies is active.

    Raises:
        OSError, StoreError: the storage cannot be read or written.
    """
    artifact, path = unused.artifact, storage.root / unused.artifact.name
    try:
        with FileLock(path.with_name(path.name + ".lock"), timeout=0):
            if uses_of(filesystem, artifact.name, uses.studies) != dict(uses.of(artifact.name)):
                return False
            if active_studies(storage, unused.studies):
                return False
            if storage.store is not None:
                storage.store.delete(f"{artifact.name}/{RECORD if artifact.kind in TRAININGS else MANIFEST}")
                filesystem.delete_dir(artifact.name)
            remove(path)
            for study in unused.studies:
                filesystem.delete_file(f"{USES}/{study}/{artifact.name}")
    except Timeout:
        return False
    return True


def active_studies(storage: Storage, studies: Iterable[str]) -> frozenset[str]:
    """Those of the studies that have a running driver or pending records. Does not wait. Raises OSError, StoreError."""
    return frozenset(study for study in studies if storage.records(study).exists() or _is_locked(storage, study))


def _is_locked(storage: Storage, study: str) -> bool:
    """Whether a driver holds the study.

    In an object store, a dead driver counts until its lease is deleted. A lock file that cannot be opened, because it
    belongs to another user, counts while its holder file exists.
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
