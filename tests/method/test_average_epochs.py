"""The mean of the weights of the last epochs as one more candidate, also after a kill."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from killed_writes import killed_before_file
from safetensors.numpy import load_file
from small_trainings import (
    RUN,
    SmallCorpora,
    Trained,
    assert_same_epochs,
    assert_same_weights,
    killed_after,
    train_student,
    train_teacher,
    untimed,
)

from msd_ray.common.manifest import DamagedError
from msd_ray.method.checkpoints import TrainingDirectory, chosen_epoch
from msd_ray.method.loop import Report
from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.scores import dev_metrics

LAST_TWO = replace(RUN, average_epochs=2)
LAST_THREE = replace(RUN, average_epochs=3)
MEAN = RUN.epochs + 1  # the epoch that is the mean


def weights_file(epoch: int) -> str:
    return f"weights/epoch-{epoch:03d}.safetensors"


def files(path: Path) -> dict[str, bytes]:
    """Contents by name of all files except the record, which contains times."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file.name != "record.json"
    }


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("averaged")


@pytest.fixture(scope="module")
def averaged(corpora: SmallCorpora, directory: Path) -> Trained:
    """A teacher with the mean of its last two epochs, trained without interruption in `directory`."""
    return train_teacher(corpora, directory, run=LAST_TWO)


@pytest.fixture(scope="module")
def averaged_student(
    corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """A student with the mean of all three epochs, trained without interruption."""
    return train_student(corpora, outputs, tmp_path_factory.mktemp("student"), run=LAST_THREE, select_on="none")


def test_its_weights_are_the_mean_of_the_last_epochs_files(averaged: Trained, directory: Path) -> None:
    last = [load_file(directory / weights_file(epoch)) for epoch in (2, 3)]
    found = load_file(directory / weights_file(MEAN))
    assert found.keys() == last[0].keys() == averaged.model.trained_parameters().keys()
    for name, value in found.items():
        expected = np.mean([one[name].astype(np.float64) for one in last], axis=0).astype(np.float32)
        np.testing.assert_array_equal(value, expected, err_msg=name)
        np.testing.assert_array_equal(value, averaged.weights[name], err_msg="the model has them too")
    assert any((value != last[1][name]).any() for name, value in found.items())


def test_its_record_comes_after_the_last_epochs(corpora: SmallCorpora, averaged: Trained) -> None:
    assert averaged.record.complete
    assert [epoch.epoch for epoch in averaged.record.epochs] == [1, 2, 3, MEAN]
    assert list(averaged.record.epochs) == averaged.reported
    # Scores of its own, and nothing of a training that did not happen.
    assert averaged.record.epochs[-1].metrics == {"averaged_epochs": 2, **corpora.teacher_task().scores(averaged.model)}
    layer_weights = [[v for k, v in e.metrics.items() if k.startswith("layer_")] for e in averaged.record.epochs]
    assert layer_weights[-1] not in layer_weights[:-1]


def test_its_scores_are_those_of_the_mean(corpora: SmallCorpora, averaged_student: Trained) -> None:
    task = corpora.student_task(TeacherOutputs(soft_labels=torch.zeros(0, 4, 7), source_cls=torch.zeros(0, 32)))
    model = averaged_student.model.eval()
    with torch.inference_mode():
        expected = {"averaged_epochs": 3, **task.scores(model)}
        assert expected.items() >= dev_metrics(model, task.dev).items()
    assert averaged_student.record.epochs[-1].metrics == expected


def test_the_epochs_before_it_are_as_without(averaged: Trained, directory: Path, teacher: Trained) -> None:
    assert_same_epochs(replace(averaged.record, epochs=averaged.record.epochs[:-1]), teacher.record)
    for name, value in load_file(directory / weights_file(3)).items():
        np.testing.assert_array_equal(value, teacher.weights[name], err_msg=name)


def test_no_mean_without_being_asked(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    one = train_teacher(corpora, tmp_path, run=replace(RUN, average_epochs=1))
    assert_same_epochs(one.record, teacher.record)
    assert_same_weights(one.weights, teacher.weights)
    assert [epoch.epoch for epoch in one.record.epochs] == [1, 2, 3]
    assert not any("averaged_epochs" in epoch.metrics for epoch in one.record.epochs)
    assert (RUN.candidates, LAST_TWO.candidates) == (3, 4)


def test_of_more_epochs_than_there_are_all(corpora: SmallCorpora, tmp_path: Path) -> None:
    run = replace(RUN, epochs=2, average_epochs=5)
    with pytest.raises(KeyboardInterrupt):
        train_teacher(corpora, tmp_path, run=run, report=killed_after(1))
    last = train_teacher(corpora, tmp_path, run=run).record.epochs[-1]
    assert (last.epoch, last.metrics["averaged_epochs"]) == (3, 2)


@pytest.mark.parametrize("epoch", [1, 2, 3, MEAN], ids=["first", "second", "before the mean", "after it"])
def test_a_teacher_killed(
    corpora: SmallCorpora, averaged: Trained, directory: Path, tmp_path: Path, epoch: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_teacher(corpora, tmp_path, run=LAST_TWO, report=killed_after(epoch))
    assert recorded(tmp_path).record().last == epoch
    assert recorded(tmp_path).record().complete == (epoch == MEAN)
    resumed = train_teacher(corpora, tmp_path, run=LAST_TWO)
    assert_same_epochs(resumed.record, averaged.record)
    assert [untimed(e) for e in resumed.reported] == [untimed(e) for e in averaged.reported]
    assert files(tmp_path) == files(directory)


# Each epoch is three files, put in place one after another: weights, state, record. The mean has no state.
@pytest.mark.parametrize("number", range(6, 11))
def test_a_student_killed_before_a_file_is_in_place(
    corpora: SmallCorpora,
    outputs: TeacherOutputs,
    averaged_student: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    def train(report: Report | None = None) -> Trained:
        return train_student(corpora, outputs, tmp_path, run=LAST_THREE, select_on="none", report=report)

    with killed_before_file(number, monkeypatch):
        train()
    assert recorded(tmp_path).record().last == number // 3
    resumed = train()
    assert_same_epochs(resumed.record, averaged_student.record)
    assert_same_weights(resumed.weights, averaged_student.weights)
    assert files(tmp_path).keys() == {weights_file(MEAN)}


def test_a_student_keeps_the_window_while_it_is_trained_and_then_what_is_chosen(
    corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    present: list[set[str]] = []
    train_student(
        corpora,
        outputs,
        tmp_path,
        run=replace(LAST_TWO, epochs=4),
        select_on="none",
        report=lambda record: present.append(set(files(tmp_path))),
    )
    assert present == [
        {weights_file(1), "state/epoch-001.safetensors"},
        {weights_file(1), weights_file(2), "state/epoch-002.safetensors"},
        {weights_file(2), weights_file(3), "state/epoch-003.safetensors"},
        {weights_file(3), weights_file(4), "state/epoch-004.safetensors"},
        {weights_file(5)},
    ]


def test_a_mean_that_is_not_chosen_is_not_kept(corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path) -> None:
    student = train_student(corpora, outputs, tmp_path, run=LAST_THREE)
    chosen = chosen_epoch(student.record.epochs, "target")
    assert chosen != MEAN, "what this test needs"
    assert files(tmp_path).keys() == {weights_file(chosen)}


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [damage, Path.unlink], ids=["damaged", "missing"])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_weights_of_the_window_are_verified_before_the_training_goes_on(
    corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path, harm: Callable[[Path], None], epoch: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_student(corpora, outputs, tmp_path, run=LAST_THREE, select_on="none", report=killed_after(RUN.epochs))
    recorded(tmp_path, resume_epochs=3).verify()
    harm(tmp_path / weights_file(epoch))
    with pytest.raises(DamagedError, match=f"epoch-00{epoch}.safetensors is (damaged|missing)"):
        recorded(tmp_path, resume_epochs=3).verify()
    with pytest.raises(DamagedError, match=f"epoch-00{epoch}.safetensors is (damaged|missing)"):
        train_student(corpora, outputs, tmp_path, run=LAST_THREE, select_on="none")
    assert recorded(tmp_path).record().last == RUN.epochs


def recorded(path: Path, resume_epochs: int = 1) -> TrainingDirectory:
    """Directory of a training whose last epoch is retained."""
    return TrainingDirectory(path=path, keep=lambda epochs: [epochs[-1].epoch], resume_epochs=resume_epochs)
