"""What may go and what stays, thing by thing; and that nothing goes which somebody has turned to meanwhile."""

from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from filelock import FileLock

from msd_ray.common.manifest import new_content, remove
from msd_ray.storage.artifacts import to_be_made
from msd_ray.storage.garbage_collection import Decision, Rules, decide, held_studies, prune
from msd_ray.storage.inventory import Thing, file_system, things
from msd_ray.storage.layout import Storage
from msd_ray.storage.uses import Uses, _mark, mark_used, read_uses, students_of

NOW, DAY = 1_000_000.0, 86400.0
OLD = NOW - 3 * DAY
THING = Thing(kind="students", key="abc", size=10, changed=OLD)
SCRATCH = replace(THING, key=".abc.1.tmp", scratch=True)
USES = Uses(by_thing={"students/abc": {"first": OLD}})
ENDED = Rules(finished={"first": True, "second": True}, needed={})
STOPPED = replace(ENDED, finished={"first": False}, stopped={"first": frozenset({"students/abc"})})


@pytest.mark.parametrize(
    ("thing", "uses", "rules", "keep"),
    [
        (THING, USES, ENDED, None),
        (THING, USES, replace(ENDED, finished={"first": False}), "used by first (open)"),
        (THING, USES, replace(ENDED, finished={}), "used by first (not in MLflow)"),
        (THING, USES, replace(ENDED, held=frozenset({"first"})), "used by first (running)"),
        (THING, USES, STOPPED, None),
        (THING, USES, replace(STOPPED, held=frozenset({"first"})), "used by first (running)"),
        (THING, USES, replace(STOPPED, finished={}), "used by first (not in MLflow)"),
        (
            THING,
            USES,
            replace(STOPPED, needed={"students/abc": "student/3 of first"}),
            "student/3 of first was made from it",
        ),
        (replace(THING, key="abd"), Uses(by_thing={"students/abd": {"first": OLD}}), STOPPED, "used by first (open)"),
        (
            THING,
            Uses(by_thing={"students/abc": {"first": OLD, "second": OLD}}),
            replace(STOPPED, finished={"first": False, "second": False}),
            "used by second (open)",
        ),
        (
            THING,
            USES,
            replace(ENDED, needed={"students/abc": "models:/m@champion"}),
            "models:/m@champion was made from it",
        ),
        (THING, USES, replace(ENDED, older_than=2.9), None),
        (THING, USES, replace(ENDED, older_than=3.1), "used lately"),
        (THING, USES, replace(ENDED, studies=frozenset({"first"})), None),
        (THING, Uses(by_thing={"students/abc": {"first": NOW - 60}}), ENDED, "used within the last hour"),
        (replace(THING, changed=NOW - 60), USES, ENDED, "used within the last hour"),
        (THING, Uses(by_thing={"students/abc": {"first": OLD, "third": OLD}}), ENDED, "used by third (not in MLflow)"),
        (
            THING,
            Uses(by_thing={"students/abc": {"first": OLD, "second": OLD}}),
            replace(ENDED, studies=frozenset({"first"})),
            "shared with second",
        ),
        (THING, Uses(), ENDED, "no study is known to use it"),
        (THING, Uses(), replace(ENDED, unknown_older_than=2.0), None),
        (THING, Uses(), replace(ENDED, unknown_older_than=4.0), "no study is known to use it"),
        (
            THING,
            Uses(),
            replace(ENDED, unknown_older_than=2.0, studies=frozenset({"first"})),
            "no study is known to use it",
        ),
        (replace(THING, kind="models", key="first"), Uses(), ENDED, "an exported student"),
        (SCRATCH, Uses(), ENDED, None),
        (
            replace(SCRATCH, changed=NOW - DAY / 2),
            Uses(),
            ENDED,
            "is perhaps being written",
        ),
    ],
)
def test_decisions(thing: Thing, uses: Uses, rules: Rules, keep: str | None) -> None:
    assert decide(thing, uses, rules, NOW).keep == keep


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """With one thing, which a study has used."""
    _mark.cache_clear()
    made = Storage.at(tmp_path)
    made.student("abc").mkdir(parents=True)
    (made.student("abc") / "record.json").write_text("{}")
    mark_used(made, "first", made.student("abc"))
    return made


def test_a_student_is_of_the_trial_that_turned_to_it_last(storage: Storage) -> None:
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


def decision(storage: Storage) -> Decision:
    (thing,) = things(file_system(storage))
    found = decide(thing, read_uses(file_system(storage)), ENDED, now=thing.changed + DAY)
    assert found.keep is None
    return found


def test_it_goes_with_its_uses(storage: Storage) -> None:
    filesystem = file_system(storage)
    assert prune(storage, filesystem, decision(storage), read_uses(filesystem))
    assert things(filesystem) == []
    assert read_uses(filesystem).by_thing == {}


def test_a_study_that_turns_to_it_meanwhile_keeps_it(storage: Storage) -> None:
    filesystem = file_system(storage)
    seen, chosen = read_uses(filesystem), decision(storage)
    mark_used(storage, "second", storage.student("abc"))
    assert not prune(storage, filesystem, chosen, seen)
    assert storage.student("abc").is_dir()


def test_one_who_works_on_it_keeps_it(storage: Storage) -> None:
    filesystem = file_system(storage)
    with FileLock(storage.root / "students" / "abc.lock", is_singleton=False):
        assert not prune(storage, filesystem, decision(storage), read_uses(filesystem))
    assert storage.student("abc").is_dir()


def test_a_driver_that_holds_its_study_by_now_keeps_it(storage: Storage) -> None:
    """It has not said yet that it uses it again."""
    filesystem, chosen = file_system(storage), decision(storage)
    with storage.study_lock("first"):
        assert not prune(storage, filesystem, chosen, read_uses(filesystem))
    assert storage.student("abc").is_dir()
    assert prune(storage, filesystem, chosen, read_uses(filesystem))


def test_a_lock_that_cannot_be_tried_is_held_while_a_holder_stands_there(storage: Storage) -> None:
    """Of another user of a shared storage, for example; here no file at all."""
    (storage.root / "studies" / "first.lock").mkdir(parents=True)
    assert held_studies(storage, ["first"]) == frozenset()
    (storage.root / "studies" / "first.holder").write_text("process 1 on another")
    assert held_studies(storage, ["first"]) == {"first"}


def test_an_export_that_died_half_written_is_scratch(storage: Storage) -> None:
    (storage.root / "models" / ".first.partial").mkdir(parents=True)
    (storage.root / "models" / ".first.partial" / "model.safetensors").write_text("half")
    found = {thing.name: thing.scratch for thing in things(file_system(storage))}
    assert found == {"students/abc": False, "models/.first.partial": True}


def test_what_is_about_to_go_is_not_taken_for_whole(storage: Storage) -> None:
    """A driver that needs it waits for the lock of who removes it, and then makes it."""
    path = storage.features("abc")
    with new_content(path) as scratch:
        (scratch / "lengths.npy").write_bytes(b"content")
    asked, found = Event(), []

    def driver() -> None:
        asked.set()
        with to_be_made(storage, path) as wanted:
            found.append(wanted)

    waiting = Thread(target=driver)
    with FileLock(path.with_name("abc.lock"), is_singleton=False):
        waiting.start()
        asked.wait()
        waiting.join(0.5)
        assert waiting.is_alive()
        remove(path)
    waiting.join()
    assert found == [True]
