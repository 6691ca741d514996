"""Trials with several teachers, rounds of self-training or an average: artifacts and what is shared."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.numpy import load_file
from small_search import CPU, RUN, STUDENT, TEACHER, MakePrepared, data, run_trials, student_plan, teacher_plan

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.outputs import soft_labels
from msd_ray.method.settings import Configuration
from msd_ray.search.context import TrialContext, load_epoch
from msd_ray.search.plans import Experiment, TrialReport
from msd_ray.search.prepare import prepare, prepare_test, read
from msd_ray.search.students import StoredStudent
from msd_ray.storage.layout import Storage

OTHER_TEACHER = replace(TEACHER, learning_rate=4e-4)
OTHER_STUDENT = replace(STUDENT, learning_rate=4e-4)
TWICE = replace(STUDENT, rounds=2)


def directories(experiment: Experiment, kind: str) -> dict[str, Path]:
    return {path.name: path for path in (experiment.storage.root / kind).iterdir() if path.is_dir()}


def finished(reports: list[TrialReport]) -> list[TrialReport]:
    ended = [report for report in reports if report.finished]
    assert all(report.reason is None for report in ended)
    return ended


def weights(experiment: Experiment, report: TrialReport) -> Mapping[str, npt.NDArray[np.float32]]:
    return load_file(experiment.storage.root / report.tags["weights"])


def test_several_teachers_teach_by_the_mean_of_their_soft_labels(experiment: Experiment) -> None:
    (one,) = finished(run_trials(experiment, student_plan(0)))
    alone = directories(experiment, "outputs")
    finished(run_trials(experiment, student_plan(1, teachers=(OTHER_TEACHER,))))
    singles = directories(experiment, "outputs")
    (both,) = finished(run_trials(experiment, student_plan(2, teachers=(TEACHER, OTHER_TEACHER))))
    (mean,) = (path for name, path in directories(experiment, "outputs").items() if name not in singles)
    labels = [np.load(path / "soft_labels.npy") for path in singles.values()]
    assert not np.array_equal(labels[0], labels[1])
    np.testing.assert_allclose(np.load(mean / "soft_labels.npy"), (labels[0] + labels[1]) / 2, rtol=0, atol=1e-7)
    # The domains are compared as the best teacher sees them.
    (first,) = alone.values()
    assert (mean / "source_cls.npy").read_bytes() == (first / "source_cls.npy").read_bytes()
    assert len(directories(experiment, "teachers")) == 2
    assert both.tags["weights_sha256"] != one.tags["weights_sha256"]
    run_trials(experiment, student_plan(3, student=OTHER_STUDENT, teachers=(TEACHER, OTHER_TEACHER)))
    assert len(directories(experiment, "outputs")) == 3


def test_the_next_round_learns_from_the_student_of_the_one_before(experiment: Experiment) -> None:
    (once,) = finished(run_trials(experiment, student_plan(0)))
    taught, first = directories(experiment, "outputs"), directories(experiment, "students")
    (student,) = first.values()
    before = {file: file.stat().st_mtime_ns for file in student.rglob("*") if file.is_file()}
    twice = run_trials(experiment, student_plan(1, student=TWICE))
    # The first of two rounds is the student of one round: reused, not trained again.
    assert {file: file.stat().st_mtime_ns for file in student.rglob("*") if file.is_file()} == before
    assert len(directories(experiment, "students")) == 2
    (outputs,) = (path for name, path in directories(experiment, "outputs").items() if name not in taught)

    context = TrialContext(plan=student_plan(0), experiment=experiment, device=CPU, report=lambda _: None)
    stored = StoredStudent.of(context, student_plan(0).configurations[0], own=True)
    model = load_epoch(context.tagger(STUDENT), stored.trained.directory, stored.trained.chosen)
    with torch.inference_mode():
        own = soft_labels(model, context.unlabelled(experiment.corpora.target_train))
    np.testing.assert_array_equal(np.load(outputs / "soft_labels.npy"), own)
    second = stored._directory(outputs).path
    assert set(directories(experiment, "students")) == {student.name, second.name}
    (last,) = finished(twice)
    assert last.tags["weights"].startswith(f"students/{second.name}/")
    assert last.tags["weights_sha256"] != once.tags["weights_sha256"]


def test_each_round_is_a_curve_of_its_own_and_the_last_one_counts(experiment: Experiment) -> None:
    run = replace(RUN, average_epochs=2)
    reports = run_trials(experiment, student_plan(0, student=TWICE, run=run))
    epochs = [report for report in reports if report.epoch is not None]
    candidates = run.epochs + 1
    assert [report.epoch for report in epochs] == list(range(1, 2 * candidates + 1))
    for place, report in enumerate(epochs):
        number, other = (1, 2) if place < candidates else (2, 1)
        assert report.metrics[f"round_{number}/dev_target/f1"] == report.metrics["dev_target/f1"]
        assert not any(name.startswith(f"round_{other}/") for name in report.metrics)
        assert report.stage.startswith(f"round {number} of 2, student epoch ")
    last = [report.metrics["dev_target/f1"] for report in epochs[candidates:]]
    (ended,) = finished(reports)
    assert ended.metrics["dev_target/f1"] == max(last)
    assert ended.metrics["best_epoch"] == last.index(max(last)) + 1
    assert not any(name.startswith("round_") for name in ended.metrics)
    single = run_trials(experiment, student_plan(1, run=run))
    assert not any(name.startswith("round_") for report in single for name in report.metrics)


def test_an_average_is_the_mean_of_its_members_which_are_trained_once(
    prepared: MakePrepared, small_corpora: Path
) -> None:
    done = prepared()
    experiment, scored = done.experiment, prepare_test(data(small_corpora), done)
    other = Configuration(teachers=(TEACHER, OTHER_TEACHER), student=replace(OTHER_STUDENT, rounds=2))
    members = finished(
        run_trials(
            experiment,
            student_plan(0, scored=scored),
            replace(student_plan(1, scored=scored), configurations=(other,)),
        )
    )
    trained = directories(experiment, "students")
    reports = run_trials(experiment, student_plan(2, more=(other,), scored=scored))
    (average,) = finished(reports)
    (made,) = (path for name, path in directories(experiment, "students").items() if name not in trained)
    assert average.tags["weights"] == f"students/{made.name}/weights/epoch-001.safetensors"
    mean, (first, second) = weights(experiment, average), (weights(experiment, member) for member in members)
    assert mean.keys() == first.keys() == second.keys()
    for name, tensor in mean.items():
        np.testing.assert_allclose(tensor, (first[name].astype(np.float64) + second[name]) / 2, rtol=1e-6, atol=1e-7)
    assert not all(np.array_equal(mean[name], first[name]) for name in mean)
    (epoch,) = (report for report in reports if report.epoch is not None)
    assert (epoch.epoch, epoch.metrics["averaged_students"]) == (1, 2)
    assert average.metrics["dev_target/f1"] == epoch.metrics["dev_target/f1"]
    assert {"test/f1", "best_epoch"} <= average.metrics.keys()
    # On a second run it is reused.
    again = run_trials(experiment, student_plan(3, more=(other,), scored=scored))
    assert finished(again)[0].tags == average.tags
    assert [report.timestamp_ms for report in again if report.epoch] == [epoch.timestamp_ms]


def test_a_final_run_is_scored_on_all_dev_sentences(
    tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path: Path
) -> None:
    limited = replace(data(small_corpora), dev_limit=10)
    done = prepare(limited, read(limited), tiny_encoder, Storage.at(tmp_path / "storage"))
    experiment, scored = done.experiment, prepare_test(limited, done)
    finished(run_trials(experiment, teacher_plan(), student_plan(1)))
    (teacher,) = directories(experiment, "teachers").values()
    trials = f"{experiment.corpora.dev}-argmax"
    assert {path.name for path in (teacher / "targets").iterdir()} == {trials}
    finished(run_trials(experiment, student_plan(2, scored=scored)))
    final = f"{experiment.corpora.final_dev}-argmax"
    assert {path.name for path in (teacher / "targets").iterdir()} == {trials, final}
    assert len(directories(experiment, "students")) == 2


@pytest.mark.parametrize("average_epochs", [1, 2])
def test_with_no_selection_the_last_candidate_counts(experiment: Experiment, average_epochs: int) -> None:
    run = replace(RUN, average_epochs=average_epochs)
    unselected = replace(experiment, select_on="none")
    teacher, student = finished(run_trials(unselected, teacher_plan(run=run), student_plan(1, run=run)))
    for report in (teacher, student):
        assert report.metrics["best_epoch"] == run.candidates == RUN.epochs + average_epochs - 1
        assert "dev_source/f1" in report.metrics
        assert not any(name.startswith("dev_target") for name in report.metrics)
