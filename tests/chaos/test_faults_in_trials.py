"""Trials that cannot succeed, a teacher that two of them ask for at once, and clocks that are moved."""

import random
import time

import pytest
from disturbed_search import Disturb, Place, wait_for
from fault_table import Note
from faults import TRIAL, kill, limit_memory, waits_for_lock
from places import FINAL_STUDENT, FINAL_TEACHER, FIRST_STUDENT, TEACHERS, somewhere
from small_search import RUN, MakeSearch, SmallSearch
from stored_runs import assert_same_outcome, assert_settled, children, trials
from three_nodes import ThreeNodes
from tune_process import descendants_of, is_dead, pids_titled

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7200)]

WAIT_S = 3000  # where others keep the processors busy
DAY_S = 24 * 60 * 60


def test_trials_that_cannot_succeed_fail_alone(
    disturb: Disturb, cluster: ThreeNodes, undisturbed: SmallSearch, dice: random.Random, note: Note
) -> None:
    attempts = 3
    out_of_memory = Place(training=FIRST_STUDENT + dice.choice([1, 2]), epoch=1, times=attempts)
    not_a_number = Place(training=FINAL_STUDENT, epoch=1, after=True)
    search = disturb(out_of_memory, not_a_number, workers=0)
    with search.start() as tune:
        for attempt in range(1, attempts + 1):
            limit_memory(search.wait_at(tune, out_of_memory, attempt))
            search.go_on(out_of_memory, "use all memory", attempt)
        tune.wait_until(lambda: "FAIL: MemoryError" in tune.output)
        search.wait_at(tune, not_a_number)
        search.go_on(not_a_number, "poison")
        poisoned = time.monotonic()
        tune.wait_until(lambda: "FAIL: the loss or its gradient is not finite" in tune.output)
        seconds = time.monotonic() - poisoned
        # Every other trial, and every other run of the row, was there to go on with.
        assert tune.wait(WAIT_S) == 0, tune.output
    assert "Traceback" not in tune.output, tune.output
    assert_settled(search.storage)
    cluster.assert_free()
    runs = children(search.storage)
    failed = {key: run.tags["reason"] for key, run in runs.items() if run.tags["state"] == "FAIL"}
    student = f"student/{out_of_memory.training - FIRST_STUDENT}"
    assert failed.keys() >= {student}
    (final,) = (key for key in failed if key.startswith("final/"))
    assert len(failed) == 2
    assert failed[student] == "MemoryError"
    assert failed[final].startswith("the loss or its gradient is not finite at step ")
    with search.start("--retry-failed") as tune:
        assert tune.wait(WAIT_S) == 0, tune.output
    again = children(search.storage)
    # A student that is run again has a run of its own; a final run goes on in the run of its seed, which counts once.
    (retried,) = (key for key, run in again.items() if key.startswith("student/") and "retry_of" in run.tags)
    assert again.keys() >= {*runs, retried}
    assert {key for key, run in again.items() if run.tags["state"] == "FAIL"} == {student}
    assert {run.status for run in again.values()} <= {"FINISHED", "KILLED", "FAILED"}
    assert sorted(trial.state for trial in trials(search.storage)).count("FAIL") == 2
    of_undisturbed = children(undisturbed.root)
    assert again[final].tags["weights_sha256"] == of_undisturbed[final].tags["weights_sha256"]
    if again[retried].tags["state"] == "COMPLETE" and of_undisturbed[student].tags["state"] == "COMPLETE":
        assert again[retried].tags["weights_sha256"] == of_undisturbed[student].tags["weights_sha256"]
    cluster.assert_free()
    note("trial out of memory, each time", "FAIL: MemoryError, after three attempts; `--retry-failed` ran it", None)
    note("NaN in a trial's weights", "FAIL: loss not finite; `--retry-failed`: same weights", seconds)


def test_two_trials_ask_for_one_teacher(
    disturb: Disturb, new_search: MakeSearch, cluster: ThreeNodes, dice: random.Random, note: Note
) -> None:
    # No trial is stopped early: which one it would be depends on what the other, beside it, has reported by then.
    options = {"teacher_trials": 1, "trials": 2, "seeds": 1, "grace_epochs": RUN.epochs}
    alone = new_search(options=options)
    alone.run()
    finals = [key for key in children(alone.root) if key.startswith("final/")]
    assert len(finals) == 2, "the paper's and the best, with one seed and hence one teacher"
    place = Place(training=3, epoch=dice.choice([1, 2]))  # a teacher, two students, and the teacher of the final runs
    search = disturb(place, workers=0, max_concurrent=2, **options)
    with search.start() as tune:
        first = search.wait_at(tune, place)

        waiting: set[int] = set()

        def another_waits() -> bool:
            """Whether the other trial was seen to want the teacher's lock."""
            others = set(pids_titled(descendants_of(cluster.pid), TRIAL)) - {first}
            waiting.update(pid for pid in others if waits_for_lock(pid, search.storage / "teachers"))
            return bool(waiting)

        wait_for(another_waits, "another trial that waits for the teacher")
        seconds = search.seconds_until_back(tune, place, lambda: kill(first))
        assert {search.wait_at(tune, place, 2)} == waiting, "the one that waited goes on with the teacher"
        wait_for(lambda: is_dead(first), "the end of the first")
        assert tune.wait(WAIT_S) == 0, tune.output
    assert_settled(search.storage)
    assert len(list((search.storage / "teachers").glob("*/record.json"))) == 2
    found, expected = children(search.storage), children(alone.root)
    assert sorted(found) == sorted(expected)
    for key in expected:
        assert found[key].tags["weights_sha256"] == expected[key].tags["weights_sha256"], key
        assert found[key].scores == expected[key].scores, key
    cluster.assert_free()
    note(
        "two trials ask for one teacher, the one that trains it is killed",
        "the other goes on with it; trained once, same weights",
        seconds,
    )


def test_moved_clock(
    disturb: Disturb, cluster: ThreeNodes, undisturbed: SmallSearch, dice: random.Random, note: Note
) -> None:
    back = somewhere(dice, undisturbed, dice.randrange(TEACHERS))
    forth = somewhere(dice, undisturbed, dice.choice([FINAL_TEACHER, FINAL_STUDENT]))
    search = disturb(back, forth, workers=0)
    try:
        with search.start() as tune:
            for place, offset in ((back, -DAY_S), (forth, DAY_S)):
                search.wait_at(tune, place)
                cluster.clock.write_text(str(offset))
                search.go_on(place)
            assert tune.wait(WAIT_S) == 0, tune.output
    finally:
        cluster.clock.unlink(missing_ok=True)
    assert_settled(search.storage)
    assert_same_outcome(search.storage, undisturbed.root)
    cluster.assert_free()
    note("clocks moved a day back, then two days forth", "same outcome, nothing waits or ends early", None)
