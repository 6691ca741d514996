"""Which studies a driver holds now, or has records of that still wait for MLflow."""

from collections.abc import Iterable

from filelock import FileLock, Timeout

from .storage import Storage


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
