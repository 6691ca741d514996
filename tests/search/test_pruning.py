"""What may go and what stays, thing by thing; and that nothing goes which somebody has turned to meanwhile."""

from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from msd_ray.search.inventory import Thing, file_system, things
from msd_ray.search.pruning import Decision, Rules, decide, prune
from msd_ray.search.storage import Storage
from msd_ray.search.uses import Uses, _mark, mark_used, read_uses

NOW, DAY = 1_000_000.0, 86400.0
OLD = NOW - 3 * DAY
THING = Thing(kind="students", key="abc", size=10, changed=OLD)
SCRATCH = replace(THING, key=".abc.1.tmp", scratch=True)
USES = Uses(by_thing={"students/abc": {"first": OLD}})
ENDED = Rules(finished={"first": True, "second": True}, needed={})


@pytest.mark.parametrize(
    ("thing", "uses", "rules", "keep"),
    [
        (THING, USES, ENDED, None),
        (THING, USES, replace(ENDED, finished={"first": False}), "used by first (open)"),
        (THING, USES, replace(ENDED, finished={}), "used by first (not in MLflow)"),
        (THING, USES, replace(ENDED, held=frozenset({"first"})), "used by first (running)"),
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
