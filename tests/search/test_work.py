"""Launches on a worker: teacher, student, final run; kill and resume, repetition, losses that are not finite."""

import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from small_search import (
    FAR_TOO_LARGE,
    RUN,
    STUDENT,
    TEACHER,
    MakePrepared,
    StoppedError,
    data,
    run_trials,
    spoil_training_labels,
    student_plan,
    teacher_plan,
    weights_of,
)

from msd_ray.search.plans import Experiment, TrialPlan, TrialReport
from msd_ray.search.prepare import prepare_test

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.work"])


def untimed(reports: list[TrialReport]) -> list[TrialReport]:
    return [
        replace(
            report,
            timestamp_ms=0,
            metrics={name: value for name, value in report.metrics.items() if not name.startswith("time/")},
        )
        for report in reports
    ]


def test_garbage_as_target_training_labels_gives_the_same_student(
    prepared: MakePrepared, small_corpora: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_training_labels(spoiled)
    clean, dirty = prepared(), prepared(data_dir=spoiled, storage=tmp_path / "other")
    reports = []
    for done, directory in ((clean, small_corpora), (dirty, spoiled)):
        scored = prepare_test(data(directory), done)
        reports.append(run_trials(done.experiment, teacher_plan(), student_plan(1), student_plan(2, scored=scored)))
    assert untimed(reports[0]) == untimed(reports[1])
    finished = [[r.tags["weights_sha256"] for r in heard if r.finished] for heard in reports]
    assert finished[0] == finished[1]
    assert len(set(finished[0])) == 2  # the teacher's and the student's


def test_student_follows_its_target_text(prepared: MakePrepared, small_corpora: Path, tmp_path: Path) -> None:
    """What the test above would miss: that the target's training file is read at all."""
    other = Path(shutil.copytree(small_corpora, tmp_path / "other-text"))
    train = other / "ar" / "train"
    train.write_text("\n\n".join(reversed(train.read_text(encoding="utf-8").split("\n\n"))), encoding="utf-8")
    before = weights_of(run_trials(prepared().experiment, student_plan()))
    assert weights_of(run_trials(prepared(data_dir=other).experiment, student_plan())) != before


def test_final_run_scores_its_tagger_on_test(
    prepared: MakePrepared, small_corpora: Path, experiment: Experiment
) -> None:
    scored = prepare_test(data(small_corpora), prepared())
    reports = run_trials(experiment, student_plan(3, scored=scored))
    results = reports[-1].metrics
    assert {"test/f1", "test/f1_deduplicated", "dev_target/f1", "best_epoch"} <= results.keys()
    assert not {name for name in results if name.startswith(("dev_source", "teacher/")) or "selected" in name}
    assert results["test/sentences"] == 24
    assert [report.stage for report in reports if report.epoch is None] == [
        "teacher epoch 1/2",
        "teacher epoch 2/2",
        "teacher outputs",  # and then the student's epochs: test labels are not touched before the end
        "scores on test",
        "finished",
    ]


def test_finished_trial_names_the_epoch_that_target_dev_chose(experiment: Experiment) -> None:
    *epochs, finished = (r for r in run_trials(experiment, student_plan()) if r.epoch or r.finished)
    scores = [report.metrics["dev_target/f1"] for report in epochs]
    best = scores.index(max(scores)) + 1
    assert finished.metrics["best_epoch"] == best
    assert finished.metrics["dev_target/f1"] == max(scores)
    assert finished.tags["weights"].endswith(f"/weights/epoch-{best:03d}.safetensors")
    assert (experiment.storage.root / finished.tags["weights"]).is_file()


def train_and_die(experiment: Experiment, plan: TrialPlan, stage: str) -> None:
    def die(report: TrialReport) -> None:
        if report.stage == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    run_trials(experiment, plan, on_report=die)


@pytest.mark.parametrize("stage", ["teacher epoch 1/2", "teacher outputs", "student epoch 1/2", "student epoch 2/2"])
def test_killed_and_started_again_it_ends_with_the_same_weights(
    stage: str, prepared: MakePrepared, tmp_path: Path
) -> None:
    killed, undisturbed = prepared().experiment, prepared(storage=tmp_path / "undisturbed").experiment
    process = PROCESSES.Process(target=train_and_die, args=(killed, student_plan(), stage))
    process.start()
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    again = untimed([r for r in run_trials(killed, student_plan()) if r.epoch or r.finished])
    assert again == untimed([r for r in run_trials(undisturbed, student_plan()) if r.epoch or r.finished])


def test_trial_that_is_stopped_lets_the_next_one_have_its_teacher(experiment: Experiment) -> None:
    def stop(report: TrialReport) -> None:
        if report.epoch == 1:
            raise StoppedError

    with pytest.raises(StoppedError):
        run_trials(experiment, teacher_plan(), on_report=stop)
    assert [report.epoch for report in run_trials(experiment, teacher_plan())] == [1, 2, None]


@pytest.mark.parametrize(
    "failing",
    [
        teacher_plan(0, teacher=replace(TEACHER, alpha=FAR_TOO_LARGE)),
        student_plan(0, student=replace(STUDENT, beta=FAR_TOO_LARGE)),
    ],
    ids=["teacher", "student"],
)
def test_loss_that_is_not_finite_fails_its_trial_and_the_next_one_runs(
    failing: TrialPlan, experiment: Experiment
) -> None:
    reports = run_trials(experiment, failing, student_plan(1))
    failed, finished = (report for report in reports if report.finished)
    assert failed.number == 0
    assert failed.reason is not None
    assert "not finite at step 1 (epoch 1, step 1 of 4), learning rate" in failed.reason
    assert not failed.metrics
    assert not failed.tags
    assert (finished.number, finished.reason) == (1, None)


def test_learning_rate_that_no_weight_survives_is_the_reason(experiment: Experiment) -> None:
    absurd = replace(TEACHER, learning_rate=1e38, warmup=0.0)
    (failed,) = (report for report in run_trials(experiment, teacher_plan(teacher=absurd)) if report.finished)
    assert failed.reason is not None
    assert "not finite at step 2" in failed.reason
    assert "learning rate 8.75e+37" in failed.reason


def test_seed_decides_the_weights(experiment: Experiment) -> None:
    seeds = [weights_of(run_trials(experiment, student_plan(run=replace(RUN, seed=seed)))) for seed in (0, 1)]
    assert seeds[0] != seeds[1]


def test_student_that_starts_at_its_teacher(experiment: Experiment) -> None:
    """With a tiny learning rate it still equals its teacher; from the encoder it does not."""
    still = replace(STUDENT, learning_rate=1e-30)
    reports = run_trials(
        experiment,
        teacher_plan(0),
        student_plan(1, student=replace(still, init="teacher")),
        student_plan(2, student=still),
    )
    teacher, from_teacher, from_encoder = (report for report in reports if report.finished)
    assert from_teacher.tags["weights_sha256"] == teacher.tags["weights_sha256"]
    assert from_encoder.tags["weights_sha256"] != teacher.tags["weights_sha256"]
    assert from_teacher.metrics["dev_target/f1"] == teacher.metrics["dev_target/f1"]
