"""Warm starts, and retries of failed trials."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import stored_runs
from small_search import MakeSearch, SmallSearch, run_here
from stored_runs import children, trials

from msd_ray.search.configuration import row_digest
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport


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
    assert students[1].parameters == best.parameters
    assert all(students[n].parameters != best.parameters for n in (2, 3))
    warm_runs = [run.tags for run in stored_runs.runs(search.root) if "warm_start" in run.tags and "key" in run.tags]
    assert {tags["key"]: tags["warm_start"] for tags in warm_runs} == {
        "teacher/1": "wikiann-ar/teacher/1",
        "student/1": f"wikiann-ar/student/{best.number}",
    }


def test_failed_trials_are_retried_on_request(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    search = new_search()
    # Trainings are reused: only the phases run.
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
    configurations = {row_digest(row) for row in again.run().values()}
    after = children(search.root)
    assert after["student/1"] == before["student/1"]
    retry = after["student/3"]
    assert retry.tags["retry_of"] == "1"
    assert retry.tags["state"] in ("COMPLETE", "PRUNED")
    assert retry.parameters == before["student/1"].parameters
    students = trials_of(search.root, "student")
    assert [students[number].state for number in (1, 3)] == ["FAIL", retry.tags["state"]]
    assert students[3].parameters == students[1].parameters
    # Students depend on the teachers that existed; a final run's seed counts once.
    assert "teacher/2" not in after
    final = [
        run for key, run in after.items() if key.startswith("final/") and run.tags["configuration"] in configurations
    ]
    assert [run.tags["state"] for run in final] == ["COMPLETE"] * len(final)
    assert len({(run.tags["row"], run.tags["seed"]) for run in final}) == len(final)
    again.run()
    assert children(search.root) == after


def test_a_failed_teacher_is_retried_before_the_student_phase(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
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
    assert sorted(json.loads(first)["ranked_teachers"]) == [1, 2]
    paper = next(run for key, run in children(search.root).items() if key == "teacher/2")
    assert paper.parameters["teacher.learning_rate"] == "5e-05"


def trials_of(storage: Path, phase: str) -> dict[int, stored_runs.Trial]:
    return _phase(storage, f"wikiann-ar/{phase}")


def _phase(storage: Path, study: str) -> dict[int, stored_runs.Trial]:
    return {trial.number: trial for trial in trials(storage) if trial.study == study}
