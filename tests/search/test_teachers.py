"""Stored teachers: shared by all that need them; only what determines the weights changes the key."""

import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

from small_search import RUN, STUDENT, TEACHER, MakePrepared, run_trials, student_plan, teacher_plan, weights_of
from tiny_bert import tiny_bert_directory

from msd_ray.data.encoders.sources import resolve
from msd_ray.search.plans import Experiment, TrialPlan

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.work"])


def teachers(experiment: Experiment) -> list[Path]:
    return sorted(path for path in (experiment.storage.root / "teachers").iterdir() if path.is_dir())


def commits(experiment: Experiment, key: str) -> list[int]:
    """When each epoch of a teacher ended."""
    record = json.loads((experiment.storage.teacher(key) / "record.json").read_text())
    return [epoch["timestamp_ms"] for epoch in record["epochs"]]


def ask(experiment: Experiment, plan: TrialPlan, number: int, ready: object, results: str) -> None:
    """Request a teacher when all are ready; write the reported epochs."""
    ready.wait(600)  # type: ignore[attr-defined]
    reports = run_trials(experiment, replace(plan, number=number))
    heard = [report.timestamp_ms for report in reports if report.epoch is not None]
    Path(results, f"{number}.json").write_text(json.dumps([os.getpid(), weights_of(reports), heard]))


def test_requested_by_four_processes_at_once_it_is_trained_once(experiment: Experiment, tmp_path: Path) -> None:
    ready = PROCESSES.Barrier(4)
    results = tmp_path / "results"
    results.mkdir()
    asking = [
        PROCESSES.Process(target=ask, args=(experiment, teacher_plan(), number, ready, str(results)))
        for number in range(4)
    ]
    for process in asking:
        process.start()
    for process in asking:
        process.join(600)
    assert [process.exitcode for process in asking] == [0] * 4
    heard = [json.loads(path.read_text()) for path in sorted(results.iterdir())]
    assert len({pid for pid, _, _ in heard}) == 4
    (teacher,) = teachers(experiment)
    # All got the same weights, and epochs with the same timestamps: it was trained once.
    assert {weights for _, weights, _ in heard} == {heard[0][1]}
    assert [times for _, _, times in heard] == [commits(experiment, teacher.name)] * 4


def test_two_trials_share_a_teacher_and_its_outputs(experiment: Experiment) -> None:
    weights_of(run_trials(experiment, teacher_plan()))
    (teacher,) = teachers(experiment)
    trained = commits(experiment, teacher.name)
    first = run_trials(experiment, student_plan(0))
    second = run_trials(experiment, student_plan(1, student=replace(STUDENT, beta=5.0)))
    assert weights_of(first) != weights_of(second)
    assert teachers(experiment) == [teacher]
    assert commits(experiment, teacher.name) == trained
    assert len([path for path in (experiment.storage.root / "outputs").iterdir() if path.is_dir()]) == 1
    assert "teacher outputs" in [report.stage for report in first]
    assert "teacher outputs" not in [report.stage for report in second]


def test_students_with_epochs_of_their_own_share_the_teacher(experiment: Experiment) -> None:
    weights_of(run_trials(experiment, teacher_plan()))
    (teacher,) = teachers(experiment)
    plan = student_plan(0)
    longer = replace(plan, run=replace(plan.run, student_epochs=plan.run.epochs + 1))
    reports = run_trials(experiment, longer)
    assert [report.epoch for report in reports if report.epoch is not None] == [*range(1, longer.records + 1)]
    assert longer.records == plan.records + 1
    assert weights_of(reports) != weights_of(run_trials(experiment, plan))
    assert teachers(experiment) == [teacher]


def test_another_language_adds_scores_and_nothing_else(prepared: MakePrepared) -> None:
    arabic, german = prepared("ar").experiment, prepared("de").experiment
    of_arabic = run_trials(arabic, teacher_plan())
    (teacher,) = teachers(arabic)
    before = {file.relative_to(teacher): file.read_bytes() for file in teacher.rglob("*") if file.is_file()}
    of_german = run_trials(german, teacher_plan())
    after = {file.relative_to(teacher): file.read_bytes() for file in teacher.rglob("*") if file.is_file()}
    assert teachers(german) == [teacher]
    assert {path: after[path] for path in before} == before
    added = {path for path in after if path not in before}
    dev = f"{german.corpora.dev}-argmax"
    assert added == {Path("targets", dev, f"epoch-{epoch:03d}.json") for epoch in (1, 2)}
    scores = [[r.metrics["dev_target/f1"] for r in reports if r.epoch] for reports in (of_arabic, of_german)]
    assert scores[0] != scores[1]
    assert not any("dev_source/f1" in report.metrics for report in of_arabic)


def test_a_stored_teacher_is_reported_with_the_same_epochs(experiment: Experiment) -> None:
    first, again = run_trials(experiment, teacher_plan()), run_trials(experiment, teacher_plan())
    assert again == first
    assert [report.epoch for report in first] == [1, 2, None]


def test_what_determines_the_weights_changes_the_teacher(
    experiment: Experiment, prepared: MakePrepared, tmp_path: Path
) -> None:
    other_encoder = replace(experiment, encoder=resolve(str(tiny_bert_directory(tmp_path / "other-bert", seed=1))))
    less_text = replace(experiment, corpora=replace(experiment.corpora, source_train=experiment.corpora.dev))
    asked = [
        (experiment, teacher_plan()),
        (experiment, teacher_plan(run=replace(RUN, seed=1))),
        (experiment, teacher_plan(run=replace(RUN, epochs=1))),
        (experiment, teacher_plan(teacher=replace(TEACHER, learning_rate=4e-3))),
        (experiment, teacher_plan(teacher=replace(TEACHER, alpha=0.3))),
        (other_encoder, teacher_plan()),
        (less_text, teacher_plan()),
    ]
    digests = {weights_of(run_trials(where, plan)) for where, plan in asked}
    assert len(teachers(experiment)) == len(asked)
    assert len(digests) == len(asked)


def test_number_and_phase_of_a_trial_make_no_other_teacher(experiment: Experiment) -> None:
    run_trials(experiment, teacher_plan(0))
    (teacher,) = teachers(experiment)
    run_trials(experiment, teacher_plan(7))
    assert teachers(experiment) == [teacher]
