"""A whole search, without Ray: its three phases, killed and started again, extended, repeated, failing."""

import json
import multiprocessing
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import recorded
from recorded import assert_same_outcome, assert_settled, children, trials
from small_search import MakeSearch, SmallSearch, run_here, run_until_killed, spoil_training_labels
from small_space import SPACE

from msd_ray.errors import UserError
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.work"])


def keys(storage: Path) -> set[str]:
    """Final runs without the digest of their configuration."""
    return {"/".join(part for part in key.split("/") if len(part) != 8) for key in children(storage)}


def test_search_records_every_trial_and_final_run(undisturbed: SmallSearch) -> None:
    assert_settled(undisturbed.root)
    rows = {key.split("/")[1] for key in children(undisturbed.root) if key.startswith("final/")}
    assert rows in ({"paper"}, {"paper", "best"})
    assert keys(undisturbed.root) == {
        *(f"teacher/{number}" for number in range(2)),
        *(f"student/{number}" for number in range(3)),
        *(f"final/{row}/seed-{seed}" for row in rows for seed in (3, 4)),
    }


def test_first_trials_are_the_papers_configuration(undisturbed: SmallSearch) -> None:
    recorded_runs = children(undisturbed.root)
    assert recorded_runs["teacher/0"].parameters["teacher.learning_rate"] == "5e-05"
    student = recorded_runs["student/0"].parameters
    assert {name: student[f"student.{name}"] for name in ("learning_rate", "beta", "alpha_prime", "beta_prime")} == {
        "learning_rate": "2e-05",
        "beta": "0.05",
        "alpha_prime": "0.001",
        "beta_prime": "0.001",
    }
    assert {
        run.parameters["student.learning_rate"] for key, run in recorded_runs.items() if key.startswith("final/paper/")
    } == {"2e-05"}


def test_final_runs_are_of_the_best_students_configuration(undisturbed: SmallSearch) -> None:
    recorded_runs = children(undisturbed.root)
    students = [
        run for key, run in recorded_runs.items() if key.startswith("student/") and run.tags["state"] == "COMPLETE"
    ]
    best = max(students, key=lambda run: run.metrics["dev_target/f1"])
    final = [run for key, run in recorded_runs.items() if key.startswith("final/best/")]
    for run in final or [run for key, run in recorded_runs.items() if key.startswith("final/paper/")]:
        assert {**run.parameters, "seed": "2"} == best.parameters


@pytest.mark.parametrize(
    ("phase", "count", "recorded_first"),
    [
        ("student", 4, False),
        *(
            pytest.param(*moment, marks=pytest.mark.slow)
            for moment in (
                ("teacher", 2, False),
                ("teacher", 6, True),
                ("student", 1, True),
                ("student", 7, True),
                ("final", 5, False),
                ("final", 12, True),
            )
        ),
    ],
)
def test_killed_and_started_again_it_ends_as_if_undisturbed(
    phase: str, count: int, recorded_first: bool, new_search: MakeSearch, undisturbed: SmallSearch
) -> None:
    search = new_search()
    process = PROCESSES.Process(
        target=run_until_killed, args=(search, phase, count), kwargs={"recorded": recorded_first}
    )
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert any(run.status == "RUNNING" for run in recorded.runs(search.root))
    search.run()
    assert_settled(search.root)
    assert_same_outcome(search.root, undisturbed.root)


def test_again_with_nothing_to_do_trains_nothing(undisturbed: SmallSearch) -> None:
    before = children(undisturbed.root), trials(undisturbed.root)

    def refuse(phase: Phase, report: TrialReport) -> None:
        raise AssertionError(f"{phase.name} reported {report}")

    started = time.monotonic()
    undisturbed.run(lambda phase: run_here(phase, before=refuse))
    assert time.monotonic() - started < 30
    assert (children(undisturbed.root), trials(undisturbed.root)) == before
    assert_settled(undisturbed.root)


def test_more_trials_extend_the_search(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    search = new_search()
    shutil.rmtree(search.root)
    shutil.copytree(undisturbed.root, search.root)
    # The databases name no paths of the storage that tests would follow.
    before = children(search.root)
    replace(search, options={"trials": 5}).run()
    assert_settled(search.root)
    after = children(search.root)
    assert {key: after[key] for key in before} == before
    assert {key for key in after if key.startswith("student/")} == {f"student/{number}" for number in range(5)}
    assert [trial.number for trial in trials(search.root) if trial.study.endswith("/student")] == list(range(5))


def test_other_settings_are_refused_with_their_names(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    before = children(undisturbed.root), trials(undisturbed.root)
    with pytest.raises(UserError, match=r"run\.epochs: 2 there, 3 here"):
        replace(undisturbed, options={"epochs": 3}).run()
    assert (children(undisturbed.root), trials(undisturbed.root)) == before


def test_garbage_as_target_training_labels_changes_no_search(
    new_search: MakeSearch, undisturbed: SmallSearch, small_corpora: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_training_labels(spoiled)
    search = new_search(data_dir=spoiled)
    search.run()
    assert_same_outcome(search.root, undisturbed.root)


def test_test_labels_are_read_when_the_final_phase_begins(
    new_search: MakeSearch, undisturbed: SmallSearch, small_corpora: Path, tmp_path: Path
) -> None:
    unreadable = Path(shutil.copytree(small_corpora, tmp_path / "unreadable"))
    (unreadable / "ar" / "test").write_text("ar:x\tO\n\nar:y\tB-NONSENSE\n", encoding="utf-8")
    search = new_search(data_dir=unreadable)
    with pytest.raises(UserError, match=r"ar/test:3: .*B-NONSENSE"):
        search.run()
    assert len(list((search.root / "features").iterdir())) == 4
    assert not [key for key in children(search.root) if key.startswith("final/")]

    def without_final_phase(storage: Path) -> list[recorded.Trial]:
        return [trial for trial in trials(storage) if "/final" not in trial.study]

    assert without_final_phase(search.root) == without_final_phase(undisturbed.root)
    replace(search, data_dir=small_corpora).run()
    assert_same_outcome(search.root, undisturbed.root)


def test_trial_without_finite_loss_fails_and_the_search_goes_on(new_search: MakeSearch) -> None:
    space = SPACE.replace("beta: {low: 0.01, high: 10, log: true}", "beta: {choices: [1e39, 2e39]}")
    search = new_search(space=space)
    search.run()
    assert_settled(search.root)
    runs = children(search.root)
    assert [runs[f"student/{number}"].tags["state"] for number in range(3)] == ["COMPLETE", "FAIL", "FAIL"]
    for number in (1, 2):
        reason = runs[f"student/{number}"].tags["reason"]
        assert "not finite at step 1 (epoch 1, step 1 of 4), learning rate" in reason
    assert {run.tags["state"] for key, run in runs.items() if key.startswith("final/")} == {"COMPLETE"}


def test_search_without_a_teacher_says_why(new_search: MakeSearch) -> None:
    space = SPACE.replace("alpha: 0.05", "alpha: {choices: [1e39, 2e39]}")
    search = new_search(space=space)
    with pytest.raises(UserError) as caught:
        search.run(_without_the_papers_teacher)
    assert "no teacher was trained; the reasons given: " in str(caught.value)
    assert "not finite" in str(caught.value)
    assert children(search.root).keys() == {"teacher/0", "teacher/1"}


def _without_the_papers_teacher(phase: Phase) -> None:
    """Let the paper's teacher fail as the others do."""
    plan = phase.plan
    phase.plan = lambda record: replace(plan(record), teacher=replace(plan(record).teacher, alpha=1e39))
    run_here(phase)


def test_languages_share_the_teachers_of_one_storage(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    search = new_search()
    shutil.rmtree(search.root)
    shutil.copytree(undisturbed.root, search.root)

    def teachers() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in (search.root / "teachers").glob("*/record.json")}

    before = teachers()
    replace(search, lang="de").run()
    assert {path: moment for path, moment in teachers().items() if path in before} == before
    searched = {
        run.tags["weights"]
        for run in children(undisturbed.root).values()
        if run.tags["phase"] == "teacher" and "weights" in run.tags
    }
    german = [run for run in recorded.runs(search.root) if run.tags.get("key", "").startswith("teacher/")]
    assert len(german) == 4
    assert {Path(weights).parts[1] for weights in searched} <= {path.parent.name for path in before}
    assert len(recorded.parents(search.root)) == 2


def test_a_warm_start_tries_another_languages_best_after_the_papers(
    new_search: MakeSearch, undisturbed: SmallSearch
) -> None:
    search = new_search()
    shutil.rmtree(search.root)
    shutil.copytree(undisturbed.root, search.root)
    warm = replace(search, lang="de", options={"trials": 4, "warm_start": "wikiann-ar", "warm_start_trials": 1})

    def first_trials_only(phase: Phase) -> None:
        if phase.name == "teacher":
            run_here(phase)
        raise KeyboardInterrupt

    for _ in range(2):  # the second time finds the teachers trained
        with pytest.raises(KeyboardInterrupt):
            warm.run(first_trials_only)
    arabic = _phase(search.root, "wikiann-ar/student")
    best = max((t for n, t in arabic.items() if n > 0 and t.state == "COMPLETE"), key=lambda trial: trial.value or 0.0)
    with closing(sqlite3.connect(search.root / "studies.db")) as database:
        database.execute("UPDATE studies SET study_name = 'gone/' || study_name WHERE study_name LIKE 'wikiann-ar/%'")
        database.commit()
    warm.run()

    teachers, students = _phase(search.root, "wikiann-de/teacher"), _phase(search.root, "wikiann-de/student")
    assert teachers[0].parameters["learning_rate"] == 5e-05
    assert teachers[1].parameters == _phase(search.root, "gone/wikiann-ar/teacher")[1].parameters
    papers = {"learning_rate": 2e-05, "beta": 0.05, "alpha_prime": 0.001, "beta_prime": 0.001}
    assert {name: students[0].parameters[name] for name in papers} == papers
    assert _without_rank(students[1].parameters) == _without_rank(best.parameters)
    assert all(_without_rank(students[n].parameters) != _without_rank(best.parameters) for n in (2, 3))
    warm_runs = [run.tags for run in recorded.runs(search.root) if "warm_start" in run.tags and "key" in run.tags]
    assert {tags["key"]: tags["warm_start"] for tags in warm_runs} == {
        "teacher/1": "wikiann-ar/teacher/1",
        "student/1": f"wikiann-ar/student/{best.number}",
    }


def test_failed_trials_are_run_again_when_asked_for(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    search = new_search()
    # What was trained is found again, so that only the phases run.
    for directory in ("features", "teachers", "outputs", "students"):
        shutil.copytree(undisturbed.root / directory, search.root / directory)
    failing = {("teacher", 1), ("student", 1), ("final", 0)}

    def break_some(phase: Phase, report: TrialReport) -> None:
        if (phase.name, report.number) in failing:
            raise RuntimeError("out of memory")

    search.run(lambda phase: run_here(phase, before=break_some))
    before = children(search.root)
    assert {key for key, run in before.items() if run.tags["state"] == "FAIL"} >= {"teacher/1", "student/1"}
    search.run()
    assert children(search.root) == before

    again = replace(search, options={"retry_failed": True})
    again.run()
    after = children(search.root)
    assert after["student/1"] == before["student/1"]
    retry = after["student/3"]
    assert (retry.tags["retry_of"], retry.tags["state"]) == ("1", "COMPLETE")
    assert retry.parameters == before["student/1"].parameters
    students = trials_of(search.root, "student")
    assert [students[number].state for number in (1, 3)] == ["FAIL", "COMPLETE"]
    assert students[3].parameters == students[1].parameters
    # Students were begun with the teachers that there were; a final run's seed counts once.
    assert "teacher/2" not in after
    final = [run for key, run in after.items() if key.startswith("final/")]
    assert [run.tags["state"] for run in final] == ["COMPLETE"] * len(final)
    assert len({(run.tags["configuration"], run.tags["seed"]) for run in final}) == len(final)
    again.run()
    assert children(search.root) == after


def test_a_failed_teacher_is_run_again_before_students_are_begun(
    new_search: MakeSearch, undisturbed: SmallSearch
) -> None:
    search = new_search(options={"retry_failed": True})
    shutil.copytree(undisturbed.root / "teachers", search.root / "teachers")

    def break_the_papers(phase: Phase, report: TrialReport) -> None:
        if report.number == 0:
            raise RuntimeError("out of memory")

    def stopped_after_teachers(phase: Phase) -> None:
        run_here(phase, before=break_the_papers)
        raise KeyboardInterrupt

    def stopped_before_students(phase: Phase) -> None:
        if phase.name == "student":
            raise KeyboardInterrupt
        run_here(phase, before=break_the_papers)

    for stopped in (stopped_after_teachers, stopped_before_students):
        with pytest.raises(KeyboardInterrupt):
            search.run(stopped)
    found = trials_of(search.root, "teacher")
    assert [found[number].state for number in range(3)] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert found[2].parameters == found[0].parameters
    with closing(sqlite3.connect(search.root / "studies.db")) as database:
        ((first,),) = database.execute(
            "SELECT value_json FROM study_user_attributes JOIN studies USING (study_id) "
            "WHERE study_name = 'wikiann-ar/student' AND key = 'settings'"
        )
    # The paper's student learns from the paper's teacher.
    settings = json.loads(first)
    assert settings["teachers"][settings["first"][0]["teacher"]] == 2


def trials_of(storage: Path, phase: str) -> dict[int, recorded.Trial]:
    return _phase(storage, f"wikiann-ar/{phase}")


def _phase(storage: Path, study: str) -> dict[int, recorded.Trial]:
    return {trial.number: trial for trial in trials(storage) if trial.study == study}


def _without_rank(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "teacher"}
