"""A training that is killed at any moment and resumed equals one without interruption."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from killed_writes import killed_before_file
from small_trainings import (
    ALL_RUN,
    ALL_STUDENT,
    ALL_TEACHER,
    RUN,
    SmallCorpora,
    Trained,
    assert_same_epochs,
    assert_same_weights,
    killed_after,
    train_student,
    train_teacher,
)

from msd_ray.method.checkpoints import TrainingDirectory
from msd_ray.method.outputs import TeacherOutputs


def committed(path: Path) -> int:
    return TrainingDirectory(path=path, keep=lambda epochs: []).record().last


def names(path: Path) -> list[str]:
    """All files of a training."""
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def stored_weights(path: Path) -> dict[str, bytes]:
    """The files of a training's weights, by name."""
    return {file.name: file.read_bytes() for file in (path / "weights").iterdir()}


def test_a_teacher_stopped_after_every_epoch(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    for epoch in range(1, RUN.epochs + 1):
        with pytest.raises(KeyboardInterrupt):
            train_teacher(corpora, tmp_path, report=killed_after(epoch))
        assert committed(tmp_path) == epoch
    last = train_teacher(corpora, tmp_path)
    assert_same_epochs(last.record, teacher.record)
    weights = TrainingDirectory(path=tmp_path, keep=lambda epochs: []).load_weights(RUN.epochs)
    assert_same_weights(weights, {name: teacher.weights[name] for name in weights})


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_student_stopped_after_an_epoch(
    corpora: SmallCorpora, outputs: TeacherOutputs, student: Trained, tmp_path: Path, epoch: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_student(corpora, outputs, tmp_path, report=killed_after(epoch))
    resumed = train_student(corpora, outputs, tmp_path)
    assert_same_weights(resumed.weights, student.weights)
    assert_same_epochs(resumed.record, student.record)


def test_everything_on_stopped_after_every_epoch(
    corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    """Rates, temperature, confidence, random pairs, the epoch's mean, the mean of weights: all at once."""
    teacher = train_teacher(corpora, tmp_path / "teacher", settings=ALL_TEACHER, run=ALL_RUN)
    student = train_student(corpora, outputs, tmp_path / "student", settings=ALL_STUDENT, run=ALL_RUN)
    assert student.record.last == teacher.record.last == ALL_RUN.candidates == RUN.epochs + 1
    for epoch in range(1, ALL_RUN.candidates + 1):
        path = tmp_path / str(epoch)
        with pytest.raises(KeyboardInterrupt):
            train_teacher(corpora, path / "teacher", settings=ALL_TEACHER, run=ALL_RUN, report=killed_after(epoch))
        with pytest.raises(KeyboardInterrupt):
            train_student(
                corpora, outputs, path / "student", settings=ALL_STUDENT, run=ALL_RUN, report=killed_after(epoch)
            )
        assert committed(path / "teacher") == committed(path / "student") == epoch
        resumed = train_teacher(corpora, path / "teacher", settings=ALL_TEACHER, run=ALL_RUN)
        assert_same_epochs(resumed.record, teacher.record)
        resumed = train_student(corpora, outputs, path / "student", settings=ALL_STUDENT, run=ALL_RUN)
        assert_same_epochs(resumed.record, student.record)
        for kind in ("teacher", "student"):
            assert stored_weights(path / kind) == stored_weights(tmp_path / kind)


def test_finished_epochs_are_reported_again_exactly(corpora: SmallCorpora, tmp_path: Path) -> None:
    first: list[object] = []

    def stop_after_two(record: object) -> None:
        first.append(record)
        if len(first) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_teacher(corpora, tmp_path, report=stop_after_two)
    resumed = train_teacher(corpora, tmp_path)
    assert resumed.reported[:2] == first
    assert [record.epoch for record in resumed.reported] == [1, 2, 3]
    assert list(resumed.record.epochs) == resumed.reported
    again = train_teacher(corpora, tmp_path)
    assert again.reported == resumed.reported
    assert all(record.timestamp_ms > 0 for record in again.reported)


# An epoch is three files, put in place one after another: weights, state, record. The last epoch has no state.
@pytest.mark.parametrize("moment", range(8))
def test_killed_before_a_file_is_in_place(
    corpora: SmallCorpora, teacher: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    with killed_before_file(moment, monkeypatch):
        train_teacher(corpora, tmp_path)
    assert committed(tmp_path) == moment // 3
    assert any(name.endswith(".tmp") for name in names(tmp_path))
    resumed = train_teacher(corpora, tmp_path)
    assert_same_weights(resumed.weights, teacher.weights)
    assert_same_epochs(resumed.record, teacher.record)
    assert names(tmp_path) == ["record.json", *(f"weights/epoch-00{epoch}.safetensors" for epoch in (1, 2, 3))]


def test_half_written_files_count_for_nothing(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_teacher(corpora, tmp_path, report=killed_after(1))
    for name in (
        "weights/epoch-002.safetensors",
        "state/epoch-002.safetensors",
        "weights/.epoch-002.tmp",
        ".record.tmp",
    ):
        (tmp_path / name).write_bytes(b"half of")
    resumed = train_teacher(corpora, tmp_path)
    assert_same_weights(resumed.weights, teacher.weights)
    assert names(tmp_path) == ["record.json", *(f"weights/epoch-00{epoch}.safetensors" for epoch in (1, 2, 3))]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["teacher", "student"])
def test_killed_with_sigkill(
    corpora: SmallCorpora,
    teacher: Trained,
    student: Trained,
    outputs: TeacherOutputs,
    outputs_directory: Path,
    tmp_path: Path,
    kind: str,
) -> None:
    driver = Path(__file__).with_name("training_driver.py")
    arguments = [kind, str(corpora.encoder.directory), str(outputs_directory), str(tmp_path / "training")]
    process = subprocess.Popen([sys.executable, str(driver), *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "epoch 1\n"
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert committed(tmp_path / "training") in (1, 2), "killed too late"
    if kind == "teacher":
        resumed, undisturbed = train_teacher(corpora, tmp_path / "training"), teacher
    else:
        resumed, undisturbed = train_student(corpora, outputs, tmp_path / "training"), student
    assert_same_weights(resumed.weights, undisturbed.weights)
    assert_same_epochs(resumed.record, undisturbed.record)
