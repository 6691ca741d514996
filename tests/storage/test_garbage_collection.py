"""Which artifacts can be removed, and that none is removed that came into use after it was listed."""

from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from filelock import FileLock

from msd_ray.common.manifest import new_content, remove
from msd_ray.storage.artifacts import create_if_missing
from msd_ray.storage.garbage_collection import Retention, RetentionPolicy, active_studies, collect, retention
from msd_ray.storage.inventory import ArtifactInfo, file_system, list_artifacts
from msd_ray.storage.layout import Storage
from msd_ray.storage.uses import Uses, _mark, mark_used, read_uses, students_of

NOW, DAY = 1_000_000.0, 86400.0
OLD = NOW - 3 * DAY
STUDENT = ArtifactInfo(kind="students", key="abc", size=10, modified=OLD)
INCOMPLETE = replace(STUDENT, key=".abc.1.tmp", incomplete=True)
USES = Uses(by_artifact={"students/abc": {"first": OLD}})
BOTH = Uses(by_artifact={"students/abc": {"first": OLD, "second": OLD}})
ENDED = RetentionPolicy(finished={"first": True, "second": True}, dependents={})
PRUNED = replace(ENDED, finished={"first": False}, pruned={"first": frozenset({"students/abc"})})
ONLY_FIRST = frozenset({"first"})


@pytest.mark.parametrize(
    ("artifact", "uses", "policy", "reason"),
    [
        (STUDENT, USES, ENDED, None),
        (STUDENT, USES, replace(ENDED, finished={"first": False}), "used by first (open)"),
        (STUDENT, USES, replace(ENDED, finished={}), "used by first (not in MLflow)"),
        (STUDENT, USES, replace(ENDED, active=frozenset({"first"})), "used by first (running)"),
        (STUDENT, USES, PRUNED, None),
        (STUDENT, USES, replace(PRUNED, active=frozenset({"first"})), "used by first (running)"),
        (STUDENT, USES, replace(PRUNED, finished={}), "used by first (not in MLflow)"),
        (
            STUDENT,
            USES,
            replace(PRUNED, dependents={"students/abc": "student/3 of first"}),
            "student/3 of first depends on it",
        ),
        (
            replace(STUDENT, key="abd"),
            Uses(by_artifact={"students/abd": {"first": OLD}}),
            PRUNED,
            "used by first (open)",
        ),
        (STUDENT, BOTH, replace(PRUNED, finished={"first": False, "second": False}), "used by second (open)"),
        (
            STUDENT,
            USES,
            replace(ENDED, dependents={"students/abc": "models:/m@champion"}),
            "models:/m@champion depends on it",
        ),
        (STUDENT, USES, replace(ENDED, older_than=2.9), None),
        (STUDENT, USES, replace(ENDED, older_than=3.1), "used recently"),
        (STUDENT, USES, replace(ENDED, studies=ONLY_FIRST), None),
        (STUDENT, Uses(by_artifact={"students/abc": {"first": NOW - 60}}), ENDED, "used within the last hour"),
        (replace(STUDENT, modified=NOW - 60), USES, ENDED, "used within the last hour"),
        (
            STUDENT,
            Uses(by_artifact={"students/abc": {"first": OLD, "third": OLD}}),
            ENDED,
            "used by third (not in MLflow)",
        ),
        (STUDENT, BOTH, replace(ENDED, studies=ONLY_FIRST), "shared with second"),
        (STUDENT, Uses(), ENDED, "no study is recorded as using it"),
        (STUDENT, Uses(), replace(ENDED, unknown_older_than=2.0), None),
        (STUDENT, Uses(), replace(ENDED, unknown_older_than=4.0), "no study is recorded as using it"),
        (
            STUDENT,
            Uses(),
            replace(ENDED, unknown_older_than=2.0, studies=ONLY_FIRST),
            "no study is recorded as using it",
        ),
        (replace(STUDENT, kind="models", key="first"), Uses(), ENDED, "an exported student"),
        (INCOMPLETE, Uses(), ENDED, None),
        (replace(INCOMPLETE, modified=NOW - DAY / 2), Uses(), ENDED, "may still be written"),
    ],
)
def test_retention(artifact: ArtifactInfo, uses: Uses, policy: RetentionPolicy, reason: str | None) -> None:
    assert retention(artifact, uses, policy, NOW).reason == reason


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage with one artifact, used by a study."""
    _mark.cache_clear()
    created = Storage.at(tmp_path)
    created.student("abc").mkdir(parents=True)
    (created.student("abc") / "record.json").write_text("{}")
    mark_used(created, "first", created.student("abc"))
    return created


def test_a_student_belongs_to_the_trial_that_used_it_last(storage: Storage) -> None:
    def students(*trials: str) -> frozenset[str]:
        filesystem = file_system(storage)
        return students_of(filesystem, read_uses(filesystem), "first", trials)

    mark_used(storage, "first", storage.teacher("abc"), trial="student/1")
    assert students("", "student/1") == {"students/abc"}
    mark_used(storage, "first", storage.student("abc"), trial="student/1")
    assert students("student/1", "student/2") == {"students/abc"}
    mark_used(storage, "first", storage.student("abc"), trial="final/0")
    assert students("student/1", "student/2") == frozenset()
    mark_used(storage, "second", storage.student("abc"), trial="student/1")
    assert students("student/1", "student/2") == frozenset()


def unused(storage: Storage) -> Retention:
    (artifact,) = list_artifacts(file_system(storage))
    found = retention(artifact, read_uses(file_system(storage)), ENDED, now=artifact.modified + DAY)
    assert found.reason is None
    return found


def test_an_artifact_is_removed_with_its_uses(storage: Storage) -> None:
    filesystem = file_system(storage)
    assert collect(storage, filesystem, unused(storage), read_uses(filesystem))
    assert list_artifacts(filesystem) == []
    assert read_uses(filesystem).by_artifact == {}


def test_an_artifact_that_came_into_use_is_retained(storage: Storage) -> None:
    filesystem = file_system(storage)
    seen, listed = read_uses(filesystem), unused(storage)
    mark_used(storage, "second", storage.student("abc"))
    assert not collect(storage, filesystem, listed, seen)
    assert storage.student("abc").is_dir()


def test_a_locked_artifact_is_retained(storage: Storage) -> None:
    filesystem = file_system(storage)
    with FileLock(storage.root / "students" / "abc.lock", is_singleton=False):
        assert not collect(storage, filesystem, unused(storage), read_uses(filesystem))
    assert storage.student("abc").is_dir()


def test_an_artifact_of_a_study_that_was_resumed_is_retained(storage: Storage) -> None:
    """Its driver has not recorded the use again yet."""
    filesystem, listed = file_system(storage), unused(storage)
    with storage.study_lock("first"):
        assert not collect(storage, filesystem, listed, read_uses(filesystem))
    assert storage.student("abc").is_dir()
    assert collect(storage, filesystem, listed, read_uses(filesystem))


def test_a_lock_that_cannot_be_opened_is_held_while_there_is_a_holder_file(storage: Storage) -> None:
    """For example of another user of a shared storage; here the lock is a directory."""
    (storage.root / "studies" / "first.lock").mkdir(parents=True)
    assert active_studies(storage, ["first"]) == frozenset()
    (storage.root / "studies" / "first.holder").write_text("process 1 on another")
    assert active_studies(storage, ["first"]) == {"first"}


def test_an_interrupted_export_is_incomplete(storage: Storage) -> None:
    (storage.root / "models" / ".first.partial").mkdir(parents=True)
    (storage.root / "models" / ".first.partial" / "model.safetensors").write_text("half")
    found = {artifact.name: artifact.incomplete for artifact in list_artifacts(file_system(storage))}
    assert found == {"students/abc": False, "models/.first.partial": True}


def test_a_driver_waits_for_a_removal_and_then_creates_the_artifact(storage: Storage) -> None:
    path = storage.features("abc")
    with new_content(path) as scratch:
        (scratch / "lengths.npy").write_bytes(b"content")
    started, found = Event(), []

    def driver() -> None:
        started.set()
        with create_if_missing(storage, path) as missing:
            found.append(missing)

    waiting = Thread(target=driver)
    with FileLock(path.with_name("abc.lock"), is_singleton=False):
        waiting.start()
        started.wait()
        waiting.join(0.5)
        assert waiting.is_alive()
        remove(path)
    waiting.join()
    assert found == [True]
